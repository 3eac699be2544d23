import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0006_upstreams"), ("accounts", "0003_credentials")]

    operations = [
        RunSQLFile("workers/sql/agents.sql", reverse="workers/sql/agents_reverse.sql"),
        migrations.CreateModel(
            name="Enrolment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("digest", models.BinaryField(unique=True)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "enrolment", "managed": False},
        ),
        migrations.CreateModel(
            name="NodeToken",
            fields=[
                (
                    "agent_token",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="accounts.agenttoken",
                    ),
                ),
                ("given_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "node_token", "managed": False},
        ),
    ]

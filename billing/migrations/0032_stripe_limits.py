import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


def _key(*fields: str) -> models.CompositePrimaryKey:
    return models.CompositePrimaryKey(*fields, blank=True, editable=False, primary_key=True, serialize=False)


class Migration(migrations.Migration):
    dependencies = [("billing", "0033_disputes"), ("accounts", "0011_invitations")]

    operations = [
        migrations.CreateModel(
            name="StripeCard",
            fields=[
                ("pk", _key("organization_id", "fingerprint")),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
                ("fingerprint", models.TextField()),
                ("seen_at", models.DateTimeField()),
            ],
            options={"db_table": "stripe_card", "managed": False},
        ),
        migrations.CreateModel(
            name="FreeStart",
            fields=[("id", models.BigAutoField(primary_key=True, serialize=False))],
            options={"db_table": "free_start", "managed": False},
        ),
        migrations.CreateModel(
            name="FreeStartMark",
            fields=[
                ("pk", _key("start_id", "kind", "mark")),
                (
                    "start",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="marks",
                        to="billing.freestart",
                    ),
                ),
                ("kind", models.TextField()),
                ("mark", models.TextField()),
                ("made_at", models.DateTimeField()),
                ("kept_until", models.DateTimeField(null=True)),
            ],
            options={"db_table": "free_start_mark", "managed": False},
        ),
        RunSQLFile("billing/sql/free_starts.sql"),
        RunSQLFile("billing/sql/stripe_activity.sql"),
    ]

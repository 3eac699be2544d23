import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("workers", "0007_agents"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FlagResolution",
            fields=[
                (
                    "flag",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="resolution",
                        serialize=False,
                        to="workers.meterflag",
                    ),
                ),
                ("note", models.CharField(max_length=1000)),
                ("resolved_at", models.DateTimeField()),
                (
                    "resolved_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "flag_resolution",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("note", ""), _negated=True),
                        name="flag_resolution_says_something",
                    )
                ],
            },
        ),
        RunSQLFile("workers/sql/flag_resolutions.sql", reverse="workers/sql/flag_resolutions_reverse.sql"),
    ]

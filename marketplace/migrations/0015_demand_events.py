import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0014_joules_findings"),
    ]

    operations = [
        migrations.CreateModel(
            name="DemandEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("programme", models.CharField(max_length=120)),
                ("name", models.CharField(max_length=120)),
                ("number", models.SmallIntegerField()),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                (
                    "direction",
                    models.CharField(choices=[("SHED", "less load"), ("FILL", "more load")], max_length=4),
                ),
                ("kw", models.DecimalField(decimal_places=3, max_digits=14)),
                ("pay_per_kwh", models.DecimalField(decimal_places=18, max_digits=38)),
                ("penalty_per_kwh", models.DecimalField(decimal_places=18, max_digits=38)),
                ("created_at", models.DateTimeField()),
                ("called_off_at", models.DateTimeField(null=True)),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="demand_events",
                        to="marketplace.site",
                    ),
                ),
            ],
            options={
                "db_table": "demand_event",
                "indexes": [models.Index(fields=["site", "ends_at"], name="demand_event_of_site")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("called_off_at", None)),
                        fields=("site", "programme", "name", "number"),
                        name="demand_event_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ends_at__gt", models.F("starts_at")),
                            ("kw__gt", 0),
                            ("pay_per_kwh__gte", 0),
                            ("penalty_per_kwh__gte", 0),
                            ("direction__in", ["SHED", "FILL"]),
                        ),
                        name="demand_event_is_sound",
                    ),
                ],
            },
        ),
        RunSQLFile("marketplace/sql/demand_events.sql"),
    ]

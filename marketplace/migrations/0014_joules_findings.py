import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0013_volumes"),
    ]

    operations = [
        migrations.CreateModel(
            name="JoulesFinding",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.IntegerField()),
                (
                    "basis",
                    models.CharField(
                        choices=[
                            ("MEASURED", "measured"),
                            ("PENALIZED", "claimed, with the penalty of a node without a counter"),
                            ("CLAIM", "claimed"),
                        ],
                        max_length=16,
                    ),
                ),
                ("joules", models.DecimalField(decimal_places=9, max_digits=20)),
                ("claimed", models.DecimalField(decimal_places=9, max_digits=20)),
                ("reference", models.DecimalField(decimal_places=9, max_digits=20, null=True)),
                ("spread", models.DecimalField(decimal_places=9, max_digits=20, null=True)),
                ("tier", models.CharField(max_length=16)),
                ("source", models.CharField(max_length=300)),
                ("readings", models.IntegerField()),
                ("left_out", models.IntegerField()),
                ("tokens", models.DecimalField(decimal_places=2, max_digits=20)),
                ("flags", models.JSONField(default=list)),
                ("window_start", models.DateTimeField()),
                ("window_end", models.DateTimeField()),
                (
                    "offer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="joules_findings",
                        to="marketplace.offer",
                    ),
                ),
            ],
            options={
                "db_table": "joules_finding",
            },
        ),
        migrations.AddField(
            model_name="servingprofile",
            name="finding",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="marketplace.joulesfinding",
            ),
        ),
        migrations.AddConstraint(
            model_name="joulesfinding",
            constraint=models.UniqueConstraint(fields=("offer", "number"), name="joules_finding_number"),
        ),
        migrations.AddConstraint(
            model_name="joulesfinding",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("basis__in", ["MEASURED", "PENALIZED", "CLAIM"]),
                    ("claimed__gt", 0),
                    ("joules__gt", 0),
                    ("number__gte", 1),
                    ("window_end__gt", models.F("window_start")),
                ),
                name="joules_finding_is_sound",
            ),
        ),
        RunSQLFile("marketplace/sql/joules_findings.sql"),
    ]

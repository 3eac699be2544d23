from django.db import migrations, models

from core.sql import RunSQLFile

TEXTS = (
    ("ComplianceStep", "compliance_step"),
    ("SanctionsList", "sanctions_list"),
    ("Screening", "screening"),
    ("Freeze", "money_freeze"),
)


class Migration(migrations.Migration):
    dependencies = [("billing", "0015_stripe")]

    operations = [
        *(
            migrations.CreateModel(
                name=name,
                fields=[("id", models.BigAutoField(primary_key=True, serialize=False))],
                options={"db_table": table, "managed": False},
            )
            for name, table in TEXTS
        ),
        migrations.CreateModel(
            name="SanctionsName",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "list_id", "line", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "list",
                    models.ForeignKey(
                        on_delete=models.deletion.PROTECT, related_name="entries", to="billing.sanctionslist"
                    ),
                ),
                ("line", models.IntegerField()),
            ],
            options={"db_table": "sanctions_name", "managed": False},
        ),
        RunSQLFile("billing/sql/compliance.sql"),
    ]

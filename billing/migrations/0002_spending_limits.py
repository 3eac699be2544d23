import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0001_initial"),
        ("accounts", "0006_projects"),
    ]

    operations = [
        migrations.CreateModel(
            name="SpendingLimit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("kind", models.SmallIntegerField(choices=[(2, "Project"), (3, "Member"), (4, "Key")])),
                ("subject_id", models.BigIntegerField()),
                ("currency", models.TextField()),
                (
                    "period",
                    models.TextField(
                        choices=[
                            ("DAILY", "Daily"),
                            ("WEEKLY", "Weekly"),
                            ("MONTHLY", "Monthly"),
                            ("LIFETIME", "Lifetime"),
                        ]
                    ),
                ),
                ("ceiling", models.DecimalField(decimal_places=9, max_digits=38)),
                ("turns_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "scope",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.scope",
                    ),
                ),
            ],
            options={
                "db_table": "spending_limit",
                "managed": False,
            },
        ),
        migrations.AddField(
            model_name="scope",
            name="limit",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="scopes",
                to="billing.spendinglimit",
            ),
        ),
        migrations.AlterField(
            model_name="currency",
            name="kind",
            field=models.TextField(
                choices=[("FIAT", "Fiat"), ("STABLECOIN", "Stablecoin"), ("TEST", "Test money")]
            ),
        ),
        RunSQLFile("billing/sql/spending_limits.sql"),
        RunSQLFile("billing/sql/test_money.sql"),
        RunSQLFile("billing/sql/holds.sql"),
        RunSQLFile("billing/sql/plans.sql"),
    ]

import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0008_claims_of_trials"),
    ]

    operations = [
        migrations.CreateModel(
            name="PriceBasis",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("input_price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("cached_input_price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("output_price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("chip_second_price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("breakdown", models.JSONField()),
                ("created_at", models.DateTimeField()),
                (
                    "offer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="marketplace.offer"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "price bases",
                "db_table": "price_basis",
            },
        ),
        migrations.RemoveField(model_name="pricecard", name="basis"),
        migrations.AddField(
            model_name="pricecard",
            name="basis",
            field=models.ForeignKey(
                db_column="basis",
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="marketplace.pricebasis",
            ),
        ),
        RunSQLFile("marketplace/sql/price_bases.sql"),
        RunSQLFile("marketplace/sql/price_cards.sql"),
    ]

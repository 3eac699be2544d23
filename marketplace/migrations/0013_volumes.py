from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0012_site_factors"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="series",
            name="series_price_has_currency",
        ),
        migrations.AlterField(
            model_name="series",
            name="kind",
            field=models.CharField(
                choices=[("PRICE", "Price"), ("CARBON", "Carbon"), ("VOLUME", "Volume")], max_length=8
            ),
        ),
        migrations.AlterField(
            model_name="series",
            name="unit",
            field=models.CharField(choices=[("kWh", "kWh"), ("MWh", "MWh"), ("kW", "kW")], max_length=4),
        ),
        migrations.AddConstraint(
            model_name="series",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("currency__regex", "^[A-Z]{3,5}$"), ("kind", "PRICE")),
                    models.Q(("currency", ""), ("kind", "CARBON"), ("low__gte", 0), ("unit", "kWh")),
                    models.Q(("currency", ""), ("kind", "VOLUME"), ("low__gte", 0), ("unit", "kW")),
                    _connector="OR",
                ),
                name="series_price_has_currency",
            ),
        ),
    ]

from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def _figure(places: int, *, null: bool = False) -> "models.Field[Any, Any]":
    return models.DecimalField(max_digits=20, decimal_places=places, null=null)


class Migration(migrations.Migration):
    """The tables are made by SQL; this is what Django knows of them."""

    dependencies = [("workers", "0018_energy_days"), ("marketplace", "0012_site_factors")]

    operations = [
        migrations.AddField(
            model_name="usagerecord",
            name="factors",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="marketplace.sitefactors",
            ),
        ),
        migrations.CreateModel(
            name="UsageEnergy",
            fields=[
                ("usage_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("seq", models.SmallIntegerField()),
                ("joules", _figure(3)),
                ("kwh", _figure(12)),
                ("it_kwh", _figure(12)),
                ("cooling_kwh", _figure(12)),
                ("loss_kwh", _figure(12)),
                ("heat_kwh", _figure(12)),
                ("gco2e", _figure(9)),
                ("market_gco2e", _figure(9, null=True)),
                ("market_kwh", _figure(12)),
                ("intensity", _figure(9)),
                ("market_intensity", _figure(9, null=True)),
                (
                    "attempt",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="workers.attempt",
                    ),
                ),
            ],
            options={"db_table": "usage_energy", "managed": False},
        ),
    ]

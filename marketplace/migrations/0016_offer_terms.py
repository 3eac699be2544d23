from decimal import Decimal

import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0015_demand_events"),
    ]

    operations = [
        migrations.CreateModel(
            name="OfferTerms",
            fields=[
                (
                    "offer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="terms",
                        serialize=False,
                        to="marketplace.offer",
                    ),
                ),
                (
                    "contract",
                    models.CharField(
                        choices=[
                            ("FIXED", "FIXED"),
                            ("PASS_THROUGH", "PASS_THROUGH"),
                            ("SURPLUS", "SURPLUS"),
                        ],
                        default="FIXED",
                        max_length=16,
                    ),
                ),
                ("cap", models.DecimalField(decimal_places=4, default=Decimal(0), max_digits=6)),
                ("steps", models.JSONField(blank=True, default=list)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "db_table": "offer_terms",
                "verbose_name_plural": "terms of offers",
            },
        ),
        migrations.AddConstraint(
            model_name="offerterms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cap", 0), ("contract__in", ["FIXED", "SURPLUS"])),
                    models.Q(("cap__gte", 0), ("cap__lte", 1), ("contract", "PASS_THROUGH")),
                    _connector="OR",
                ),
                name="offer_terms_are_sound",
            ),
        ),
        migrations.AddField(
            model_name="pricecard",
            name="slack_hours",
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="pricecard",
            name="of_number",
            field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name="pricecard",
            name="capped",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddConstraint(
            model_name="pricecard",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("of_number", None), ("slack_hours", 0)),
                    models.Q(
                        ("of_number__gt", models.F("number")),
                        ("of_number__isnull", False),
                        ("slack_hours__gte", 1),
                    ),
                    _connector="OR",
                ),
                name="price_card_slack_is_of_a_card",
            ),
        ),
        RunSQLFile("marketplace/sql/price_cards.sql"),
        RunSQLFile("marketplace/sql/offer_terms.sql"),
    ]

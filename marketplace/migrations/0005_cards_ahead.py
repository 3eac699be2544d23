from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0004_endpoints")]

    operations = [
        migrations.AddField(
            model_name="pricecard", name="valid_until", field=models.DateTimeField(null=True)
        ),
        migrations.RemoveConstraint(model_name="pricecard", name="price_card_offer_starts_at"),
        migrations.AddConstraint(
            model_name="pricecard",
            constraint=models.CheckConstraint(
                name="price_card_lasts",
                condition=models.Q(valid_until=None) | models.Q(valid_until__gt=models.F("starts_at")),
            ),
        ),
        migrations.AddIndex(
            model_name="pricecard",
            index=models.Index(name="price_card_in_force", fields=["offer", "starts_at", "number"]),
        ),
        RunSQLFile("marketplace/sql/price_cards.sql"),
    ]

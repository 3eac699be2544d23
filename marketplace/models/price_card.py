"""The numbered, unchanging prices of an offer."""

from django.db import models
from django.db.models import Q


class PriceCard(models.Model):
    """
    The price of an offer from `starts_at` until its next card starts; never changed once written.

    Prices are what the buyer pays for ONE token or chip-second in `currency`, 18 places, the platform's fee
    of `fee_bps` ten-thousandths included; `breakdown` lists the lines that add up to them.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    offer = models.ForeignKey("marketplace.Offer", on_delete=models.PROTECT, related_name="price_cards")
    number = models.IntegerField()
    currency = models.CharField(max_length=8)
    starts_at = models.DateTimeField()
    input_price = models.DecimalField(max_digits=38, decimal_places=18)
    cached_input_price = models.DecimalField(max_digits=38, decimal_places=18)
    output_price = models.DecimalField(max_digits=38, decimal_places=18)
    chip_second_price = models.DecimalField(max_digits=38, decimal_places=18)
    fee_bps = models.IntegerField()
    breakdown = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "price_card"
        constraints = (
            models.UniqueConstraint(name="price_card_offer_number", fields=["offer", "number"]),
            models.UniqueConstraint(name="price_card_offer_starts_at", fields=["offer", "starts_at"]),
            models.CheckConstraint(name="price_card_number_at_least_one", condition=Q(number__gte=1)),
            models.CheckConstraint(
                name="price_card_prices_not_negative",
                condition=Q(
                    input_price__gte=0,
                    cached_input_price__gte=0,
                    output_price__gte=0,
                    chip_second_price__gte=0,
                ),
            ),
            # A fee of the whole price would leave the provider nothing to be paid from.
            models.CheckConstraint(
                name="price_card_fee_in_range", condition=Q(fee_bps__gte=0, fee_bps__lt=10_000)
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} card {self.number} of offer {self.offer_id}"

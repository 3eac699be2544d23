"""The numbered, unchanging prices of an offer."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q


class PriceCards(models.QuerySet["PriceCard"]):
    """Price cards, and which of them count."""

    def in_force(self, now: datetime) -> "PriceCards":
        """One card an offer: the one by which it is sold at this moment, if there is any."""
        started = self.filter(starts_at__lte=now)
        last = started.order_by("offer_id", "-starts_at", "-number").distinct("offer_id").values("pk")
        return PriceCard.objects.filter(Q(valid_until=None) | Q(valid_until__gt=now), pk__in=last)


class PriceBasis(models.Model):
    """
    Prices of an offer and what they follow from, for all cards that were published ahead of the same.

    `digest` is of everything the prices follow from, so it never changes; `breakdown` is as a card's.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    offer = models.ForeignKey("marketplace.Offer", on_delete=models.PROTECT, related_name="+")
    input_price = models.DecimalField(max_digits=38, decimal_places=18)
    cached_input_price = models.DecimalField(max_digits=38, decimal_places=18)
    output_price = models.DecimalField(max_digits=38, decimal_places=18)
    chip_second_price = models.DecimalField(max_digits=38, decimal_places=18)
    breakdown = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "price_basis"
        verbose_name_plural = "price bases"

    def __str__(self) -> str:
        return f"{self.digest[:12]} of offer {self.offer_id}"


class PriceCard(models.Model):
    """
    The price of an offer from `starts_at` until another card starts, or until `valid_until`; never changed
    once written. In force is the card that started last; of those that start together, the highest number.

    Prices are what the buyer pays for ONE token or chip-second in `currency`, 18 places, the platform's fee
    of `fee_bps` ten-thousandths included. The lines that add up to them are in `breakdown`, or, of a card
    that was published ahead, in its `basis`: `explained` is either.

    A card with `slack_hours` is a cheaper form, for jobs that may wait so long, of the card of the offer with
    the number `of_number`; it starts with that card, has a lower number, and so is never in force itself. A
    `capped` card is sold above its forecast price; what the final price leaves of it is given back.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    offer = models.ForeignKey("marketplace.Offer", on_delete=models.PROTECT, related_name="price_cards")
    number = models.IntegerField()
    currency = models.CharField(max_length=8)
    starts_at = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)
    input_price = models.DecimalField(max_digits=38, decimal_places=18)
    cached_input_price = models.DecimalField(max_digits=38, decimal_places=18)
    output_price = models.DecimalField(max_digits=38, decimal_places=18)
    chip_second_price = models.DecimalField(max_digits=38, decimal_places=18)
    fee_bps = models.IntegerField()
    breakdown = models.JSONField()
    basis = models.ForeignKey(
        PriceBasis, on_delete=models.PROTECT, related_name="+", null=True, db_column="basis", db_index=False
    )
    created_at = models.DateTimeField()
    slack_hours = models.IntegerField(default=0, db_default=0)
    of_number = models.IntegerField(null=True)
    capped = models.BooleanField(default=False, db_default=False)

    objects = PriceCards.as_manager()

    class Meta:
        db_table = "price_card"
        indexes = (models.Index(name="price_card_in_force", fields=["offer", "starts_at", "number"]),)
        constraints = (
            models.UniqueConstraint(name="price_card_offer_number", fields=["offer", "number"]),
            models.CheckConstraint(
                name="price_card_lasts", condition=Q(valid_until=None) | Q(valid_until__gt=F("starts_at"))
            ),
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
            models.CheckConstraint(
                name="price_card_slack_is_of_a_card",
                condition=Q(slack_hours=0, of_number=None)
                | Q(slack_hours__gte=1, of_number__gt=F("number"), of_number__isnull=False),
            ),
            # A fee of the whole price would leave the provider nothing to be paid from.
            models.CheckConstraint(
                name="price_card_fee_in_range", condition=Q(fee_bps__gte=0, fee_bps__lt=10_000)
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} card {self.number} of offer {self.offer_id}"

    @property
    def explained(self) -> dict[str, Any]:
        """The breakdown: lines that add up to the prices, with their inputs and sources."""
        found: dict[str, Any] = self.basis.breakdown if self.basis else self.breakdown
        return found

"""Who carries the risk of an offer's price, and what waiting is worth to its provider."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from marketplace.contracts import Contract


class OfferTerms(models.Model):
    """
    The contract of an offer, and its steps of slack; an offer without has a fixed quote and no steps.

    `cap` is the share above the forecast price that a pass-through card may ask. `steps` are pairs of whole
    hours and a share as a decimal string, both rising: a job that may wait so long gets that share off the
    hardware and margin lines. They may change; published cards keep what they were published with.
    """

    offer = models.OneToOneField(
        "marketplace.Offer", on_delete=models.PROTECT, related_name="terms", primary_key=True
    )
    contract = models.CharField(
        max_length=16, choices=[(one.value, one.name) for one in Contract], default=Contract.FIXED.value
    )
    cap = models.DecimalField(max_digits=6, decimal_places=4, default=Decimal(0))
    steps = models.JSONField(default=list, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "offer_terms"
        verbose_name_plural = "terms of offers"
        constraints = (
            models.CheckConstraint(
                name="offer_terms_are_sound",
                condition=Q(contract__in=["FIXED", "SURPLUS"], cap=0)
                | Q(contract="PASS_THROUGH", cap__gte=0, cap__lte=1),
            ),
        )

    def __str__(self) -> str:
        return f"{self.contract} of offer {self.offer_id}"

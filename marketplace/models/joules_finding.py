"""What the joules of an offer's price are, found from its receipts."""

from django.db import models
from django.db.models import Q


class JoulesFinding(models.Model):
    """
    A version of what an output token takes at an offer; never changed, the highest `number` counts.

    `joules` (of the chips) is what prices are built from, `claimed` what the provider says, `reference` the
    public figure. `flags` has code, figure and bound of what does not fit; `spread` is the robust deviation
    over the median of `readings`, `left_out` how many lay too far off or measured nothing.
    """

    class Basis(models.TextChoices):
        MEASURED = "MEASURED", "measured"
        PENALIZED = "PENALIZED", "claimed, with the penalty of a node without a counter"
        CLAIM = "CLAIM", "claimed"

    id = models.BigAutoField(primary_key=True)
    offer = models.ForeignKey("marketplace.Offer", on_delete=models.PROTECT, related_name="joules_findings")
    number = models.IntegerField()
    basis = models.CharField(max_length=16, choices=Basis)
    joules = models.DecimalField(max_digits=20, decimal_places=9)
    claimed = models.DecimalField(max_digits=20, decimal_places=9)
    reference = models.DecimalField(max_digits=20, decimal_places=9, null=True)
    spread = models.DecimalField(max_digits=20, decimal_places=9, null=True)
    tier = models.CharField(max_length=16)
    source = models.CharField(max_length=300)
    readings = models.IntegerField()
    left_out = models.IntegerField()
    tokens = models.DecimalField(max_digits=20, decimal_places=2)
    flags = models.JSONField(default=list)
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()

    class Meta:
        db_table = "joules_finding"
        constraints = (
            models.UniqueConstraint(name="joules_finding_number", fields=["offer", "number"]),
            models.CheckConstraint(
                name="joules_finding_is_sound",
                condition=Q(
                    number__gte=1,
                    joules__gt=0,
                    claimed__gt=0,
                    basis__in=["MEASURED", "PENALIZED", "CLAIM"],
                    window_end__gt=models.F("window_start"),
                ),
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} finding {self.number} of offer {self.offer_id}"

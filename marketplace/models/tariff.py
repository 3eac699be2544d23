"""What electricity costs at a site, version by version, and how far its offers are priced ahead."""

from django.db import models
from django.db.models import Q


class SiteTariff(models.Model):
    """
    A version of what electricity costs at a site; never changed once written.

    `document` is the tariff and `figures` what it must know of the site, both in the form of
    marketplace.tariffs. Of versions that are in force at a moment the highest `number` counts. After the last
    known price cards hold for `hold_minutes`; forecasts are quoted only where the provider takes their risk.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    site = models.ForeignKey("marketplace.Site", on_delete=models.PROTECT, related_name="tariffs")
    number = models.IntegerField()
    document = models.JSONField()
    content_hash = models.CharField(max_length=80)
    figures = models.JSONField(default=dict)
    hold_minutes = models.IntegerField()
    quotes_forecasts = models.BooleanField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "site_tariff"
        constraints = (
            models.UniqueConstraint(name="site_tariff_number", fields=["site", "number"]),
            models.CheckConstraint(
                name="site_tariff_is_sound",
                condition=Q(number__gte=1, hold_minutes__gte=0, hold_minutes__lte=7 * 1440),
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} tariff {self.number} of site {self.site_id}"


class OfferPlan(models.Model):
    """
    What an offer's cards ahead were published from, so that nothing is reckoned twice.

    `problem` says why there is no price for later, in words for the provider; empty where there is none.
    """

    offer = models.OneToOneField(
        "marketplace.Offer", on_delete=models.PROTECT, related_name="plan", primary_key=True
    )
    key = models.CharField(max_length=64)
    known_until = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)
    planned_at = models.DateTimeField()

    class Meta:
        db_table = "offer_plan"

    def __str__(self) -> str:
        return f"plan of offer {self.offer_id}"

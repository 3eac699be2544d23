"""What somebody asked a site's load to do."""

from django.db import models
from django.db.models import F, Q


class DemandEvent(models.Model):
    """
    One interval in which a site is asked to shed load or to take more, by up to `kw`.

    What is delivered earns `pay_per_kwh`, what is not costs `penalty_per_kwh`, both in the currency of the
    site's tariff. An event is never changed; it may be called off, and counts for nothing from then on.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    site = models.ForeignKey("marketplace.Site", on_delete=models.PROTECT, related_name="demand_events")
    programme = models.CharField(max_length=120)
    name = models.CharField(max_length=120)
    number = models.SmallIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    direction = models.CharField(max_length=4, choices={"SHED": "less load", "FILL": "more load"})
    kw = models.DecimalField(max_digits=14, decimal_places=3)
    pay_per_kwh = models.DecimalField(max_digits=38, decimal_places=18)
    penalty_per_kwh = models.DecimalField(max_digits=38, decimal_places=18)
    created_at = models.DateTimeField()
    called_off_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "demand_event"
        indexes = (models.Index(name="demand_event_of_site", fields=["site", "ends_at"]),)
        constraints = (
            models.UniqueConstraint(
                name="demand_event_once",
                fields=["site", "programme", "name", "number"],
                condition=Q(called_off_at=None),
            ),
            models.CheckConstraint(
                name="demand_event_is_sound",
                condition=Q(ends_at__gt=F("starts_at"), kw__gt=0, pay_per_kwh__gte=0, penalty_per_kwh__gte=0)
                & Q(direction__in=["SHED", "FILL"]),
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.direction} {self.kw} kW at site {self.site_id}"

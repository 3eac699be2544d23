"""What the work that a site sold used, day by day."""

from django.db import models
from django.db.models import Q


class SiteDay(models.Model):
    """
    Sums of a site's day (UTC): tokens, joules at the machines, kWh of IT, hall and meter, heat, grams.

    Counted anew while the day lasts. `market_gco2e` is None where nothing was contracted;
    `surplus_offered_kwh` is what lots of surplus power in the site's tariff would have given,
    `surplus_absorbed_kwh` what of it work used.
    """

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("marketplace.Site", on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    attempts = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    input_tokens = models.BigIntegerField()
    joules = models.DecimalField(max_digits=38, decimal_places=3)
    it_kwh = models.DecimalField(max_digits=38, decimal_places=12)
    hall_kwh = models.DecimalField(max_digits=38, decimal_places=12)
    kwh = models.DecimalField(max_digits=38, decimal_places=12)
    heat_kwh = models.DecimalField(max_digits=38, decimal_places=12)
    gco2e = models.DecimalField(max_digits=38, decimal_places=9)
    market_gco2e = models.DecimalField(max_digits=38, decimal_places=9, null=True)
    renewable_share = models.DecimalField(max_digits=6, decimal_places=4)
    surplus_offered_kwh = models.DecimalField(max_digits=38, decimal_places=12)
    surplus_absorbed_kwh = models.DecimalField(max_digits=38, decimal_places=12)
    counted_at = models.DateTimeField()

    class Meta:
        db_table = "site_day"
        constraints = (
            models.UniqueConstraint(name="site_day_once", fields=["site", "day"]),
            models.CheckConstraint(
                name="site_day_is_sound",
                condition=Q(
                    attempts__gte=0,
                    it_kwh__gte=0,
                    hall_kwh__gte=models.F("it_kwh"),
                    kwh__gte=models.F("hall_kwh"),
                    surplus_absorbed_kwh__lte=models.F("surplus_offered_kwh"),
                ),
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} of site {self.site_id}"

"""What answers of a site are reckoned with, as it was from one moment to the next."""

from django.db import models


class SiteFactors(models.Model):
    """
    The figures that joules at a site's machines become kWh, grams and heat with; never changed once written.

    Written by the database whenever the site, its energy or the step of its carbon series changes: the newest
    row is in force, and a usage record names the one that it was reckoned with. `gco2_per_kwh` is that of the
    grid (location-based): of `carbon_series` if it names one, else the site's own figure.
    `market_gco2_per_kwh` is of what was contracted, less the share that is matched hour by hour; none if
    nothing is.
    """

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey(
        "marketplace.Site", on_delete=models.PROTECT, related_name="factors", db_index=False
    )
    grid_zone = models.CharField(max_length=64)
    pue = models.DecimalField(max_digits=6, decimal_places=4)
    line_loss = models.DecimalField(max_digits=6, decimal_places=4)
    heat_reused = models.DecimalField(max_digits=6, decimal_places=4)
    gco2_per_kwh = models.DecimalField(max_digits=16, decimal_places=9)
    market_gco2_per_kwh = models.DecimalField(max_digits=16, decimal_places=9, null=True)
    carbon_series = models.CharField(max_length=80, blank=True)
    noted_at = models.DateTimeField()

    class Meta:
        db_table = "site_factors"
        verbose_name_plural = "factors of sites"
        indexes = (models.Index(name="site_factors_newest", fields=["site", "id"]),)

    def __str__(self) -> str:
        return f"#{self.pk} factors of site {self.site_id}"

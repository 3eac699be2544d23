"""A place with one electricity supply."""

from django.db import models
from django.db.models import Q


class Site(models.Model):
    """
    One place with one electricity supply, owned by the organization that provides there.

    `energy_price` is per kWh in `currency`, 18 places; `pue` is facility power over IT power; `gco2_per_kwh`
    is the grid's intensity in grams CO2e and `carbon_source` says where that figure comes from.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    country = models.CharField(max_length=2)
    region = models.CharField(max_length=64)
    grid_zone = models.CharField(max_length=64)
    time_zone = models.CharField(max_length=64)
    currency = models.CharField(max_length=8)
    energy_price = models.DecimalField(max_digits=38, decimal_places=18)
    pue = models.DecimalField(max_digits=6, decimal_places=4)
    gco2_per_kwh = models.DecimalField(max_digits=10, decimal_places=3)
    carbon_source = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "site"
        constraints = (
            models.CheckConstraint(name="site_pue_at_least_one", condition=Q(pue__gte=1)),
            models.CheckConstraint(name="site_energy_price_not_negative", condition=Q(energy_price__gte=0)),
            models.CheckConstraint(name="site_gco2_not_negative", condition=Q(gco2_per_kwh__gte=0)),
            models.CheckConstraint(name="site_country_is_alpha2", condition=Q(country__regex=r"^[A-Z]{2}$")),
            # Target of the offer's composite key: an offer stands at a site of its own organization.
            models.UniqueConstraint(name="site_id_organization", fields=["id", "organization"]),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.name}"

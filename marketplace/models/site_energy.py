"""What a site's hall does with its electricity: cooling, losses, heat, carbon, load."""

from decimal import Decimal

from django.db import models
from django.db.models import Q


class SiteEnergy(models.Model):
    """
    The energy of a site beside its tariff; without one, a site has no heat, no load and grid carbon only.

    It may change; cards keep the figures that they were built from. Shares are fractions of one.
    `heat_reused` (ERF) is of energy at the meter, `heat_price` per kWh of heat in the site's currency,
    `heat_supply_c` the temperature it leaves with. `market_gco2_per_kwh` is of what was contracted, none if
    nothing is; of all energy `renewable_share` (REF) is certified over the year and `matched_share` met hour
    by hour. `carbon_price_per_tonne` and `opportunity_price` (what a kWh earns when it is sold as power) are
    in the site's currency. `it_kw` is the whole hall's, `load_factor` mean over peak. `sources` has a text
    under each figure's name that says where it is from.
    """

    class Cooling(models.TextChoices):
        UNKNOWN = "", "not said"
        AIR_LEGACY = "AIR_LEGACY", "air, older hall"
        AIR = "AIR", "air"
        LIQUID = "LIQUID", "direct liquid"
        IMMERSION = "IMMERSION", "immersion"

    class PueBasis(models.TextChoices):
        METERED = "METERED", "metered"
        DECLARED = "DECLARED", "declared"
        COOLING = "COOLING", "by cooling type"

    class CarbonBasis(models.TextChoices):
        NONE = "NONE", "not priced"
        LOCATION = "LOCATION", "location-based"
        MARKET = "MARKET", "market-based"

    site = models.OneToOneField(
        "marketplace.Site", on_delete=models.PROTECT, related_name="energy", primary_key=True
    )
    cooling = models.CharField(max_length=16, choices=Cooling, default=Cooling.UNKNOWN, blank=True)
    pue_basis = models.CharField(max_length=16, choices=PueBasis, default=PueBasis.DECLARED)
    line_loss = models.DecimalField(max_digits=6, decimal_places=4, default=Decimal(0))
    it_kw = models.DecimalField(max_digits=14, decimal_places=3, null=True)
    load_factor = models.DecimalField(max_digits=6, decimal_places=4, null=True)
    heat_reused = models.DecimalField(max_digits=6, decimal_places=4, default=Decimal(0))
    heat_supply_c = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    heat_price = models.DecimalField(max_digits=38, decimal_places=18, default=Decimal(0))
    heat_source = models.CharField(max_length=200, blank=True)
    market_gco2_per_kwh = models.DecimalField(max_digits=10, decimal_places=3, null=True)
    market_source = models.CharField(max_length=200, blank=True)
    renewable_share = models.DecimalField(max_digits=6, decimal_places=4, default=Decimal(0))
    matched_share = models.DecimalField(max_digits=6, decimal_places=4, default=Decimal(0))
    carbon_basis = models.CharField(max_length=16, choices=CarbonBasis, default=CarbonBasis.NONE)
    carbon_price_per_tonne = models.DecimalField(max_digits=38, decimal_places=18, default=Decimal(0))
    carbon_series = models.CharField(max_length=80, blank=True)
    hall_capital_per_watt = models.DecimalField(max_digits=38, decimal_places=18, default=Decimal(0))
    hall_years = models.IntegerField(default=15)
    hall_rate = models.DecimalField(max_digits=6, decimal_places=4, default=Decimal("0.08"))
    opportunity_price = models.DecimalField(max_digits=38, decimal_places=18, null=True)
    sources = models.JSONField(default=dict, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "site_energy"
        verbose_name_plural = "energy of sites"
        constraints = (
            models.CheckConstraint(
                name="site_energy_shares_in_range",
                condition=Q(
                    line_loss__gte=0,
                    line_loss__lte=1,
                    heat_reused__gte=0,
                    heat_reused__lte=1,
                    renewable_share__gte=0,
                    renewable_share__lte=1,
                    matched_share__gte=0,
                    matched_share__lte=1,
                    hall_rate__gte=0,
                    hall_rate__lte=1,
                    hall_years__gte=1,
                    hall_years__lte=100,
                ),
            ),
            models.CheckConstraint(
                name="site_energy_load_is_sound",
                condition=Q(Q(it_kw=None) | Q(it_kw__gt=0))
                & Q(Q(load_factor=None) | Q(load_factor__gt=0, load_factor__lte=1)),
            ),
            # Nobody pays for heat that does not leave, or that nobody says where it goes.
            models.CheckConstraint(
                name="site_energy_heat_is_sound",
                condition=Q(heat_price=0) | Q(heat_price__gt=0, heat_reused__gt=0) & ~Q(heat_source=""),
            ),
            models.CheckConstraint(
                name="site_energy_carbon_is_sound",
                condition=Q(carbon_price_per_tonne__gte=0)
                & (
                    Q(market_gco2_per_kwh=None, carbon_basis__in=["NONE", "LOCATION"])
                    | Q(market_gco2_per_kwh__gte=0) & ~Q(market_source="")
                ),
            ),
            models.CheckConstraint(
                name="site_energy_kinds_known",
                condition=Q(
                    cooling__in=["", "AIR_LEGACY", "AIR", "LIQUID", "IMMERSION"],
                    pue_basis__in=["METERED", "DECLARED", "COOLING"],
                    carbon_basis__in=["NONE", "LOCATION", "MARKET"],
                ),
            ),
            models.CheckConstraint(
                name="site_energy_hall_not_negative", condition=Q(hall_capital_per_watt__gte=0)
            ),
        )

    def __str__(self) -> str:
        return f"energy of site {self.site_id}"

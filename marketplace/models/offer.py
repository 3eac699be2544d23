"""What a provider sells at a site, and how it is served there."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from marketplace.energy.findings import Basis, find_base
from marketplace.listings import ENDPOINTS


class Offer(models.Model):
    """
    A provider sells a model at a site, priced in one currency per `unit`.

    What an offer is (provider, site, model, currency, unit) never changes, because cards and jobs point at
    it; a trigger refuses it. `slots` is how many requests it takes at once, output limits are tokens.
    `endpoints` narrows what it serves; without, it serves all that its model can be asked for.
    """

    class Unit(models.TextChoices):
        TOKEN = "TOKEN"  # noqa: S105  (a unit, no password)
        CHIP_SECOND = "CHIP_SECOND"

    class State(models.TextChoices):
        DRAFT = "DRAFT"
        LIVE = "LIVE"
        WITHDRAWN = "WITHDRAWN"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey("marketplace.Site", on_delete=models.PROTECT, related_name="offers")
    model = models.ForeignKey("marketplace.Model", on_delete=models.PROTECT, related_name="offers")
    currency = models.CharField(max_length=8)
    unit = models.CharField(max_length=16, choices=Unit, default=Unit.TOKEN)
    slots = models.IntegerField()
    max_output_default = models.IntegerField()
    max_output_cap = models.IntegerField()
    state = models.CharField(max_length=16, choices=State, default=State.DRAFT)
    supported = models.JSONField(default=list, blank=True)
    endpoints = ArrayField(models.TextField(), null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "offer"
        constraints = (
            models.CheckConstraint(name="offer_slots_at_least_one", condition=Q(slots__gte=1)),
            models.CheckConstraint(
                name="offer_output_default_within_cap",
                condition=Q(max_output_default__gte=1, max_output_default__lte=F("max_output_cap")),
            ),
            models.CheckConstraint(name="offer_unit_known", condition=Q(unit__in=["TOKEN", "CHIP_SECOND"])),
            models.CheckConstraint(
                name="offer_state_known", condition=Q(state__in=["DRAFT", "LIVE", "WITHDRAWN"])
            ),
            models.CheckConstraint(
                name="offer_endpoints_known",
                condition=Q(endpoints__isnull=True)
                | Q(endpoints__contained_by=list(ENDPOINTS), endpoints__len__gte=1),
            ),
            # Target of the card's composite key: a card has the currency of its offer.
            models.UniqueConstraint(name="offer_id_currency", fields=["id", "currency"]),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.currency} {self.unit} at site {self.site_id}"

    @property
    def served_endpoints(self) -> list[str]:
        """What it serves, of `listings.ENDPOINTS`."""
        narrowed: list[str] | None = self.endpoints
        return self.model.endpoints if narrowed is None else narrowed


class ServingProfile(models.Model):
    """
    How an offer is served: what a card's energy and hardware lines are computed from.

    It may change; each card keeps in its breakdown the figures it was built from. Watts and money are those
    of the whole node; `joules_per_output_token` is chip energy, `host_factor` raises it to the whole machine
    (kappa); ratios weigh an input token against an output token; `utilisation` is the busy share of the
    hours; `capital` is in the offer's currency, its rates are shares a year, `residual` is the share of it
    that the node is worth in the end; `embodied_g` are grams CO2e of making the node; `margin` is a share of
    the cost.
    `finding` is what receipts say of the joules, once they say something.
    """

    id = models.BigAutoField(primary_key=True)
    offer = models.OneToOneField("marketplace.Offer", on_delete=models.PROTECT, related_name="profile")
    chips = models.IntegerField(default=1)
    joules_per_output_token = models.DecimalField(max_digits=20, decimal_places=9)
    joules_source = models.CharField(max_length=200)
    tokens_per_second = models.DecimalField(max_digits=14, decimal_places=3)
    input_ratio = models.DecimalField(max_digits=6, decimal_places=4, default="0.45")
    cached_ratio = models.DecimalField(max_digits=6, decimal_places=4, default="0")
    host_factor = models.DecimalField(max_digits=6, decimal_places=4, default="1")
    utilisation = models.DecimalField(max_digits=6, decimal_places=4)
    watts_idle = models.DecimalField(max_digits=12, decimal_places=2)
    capital = models.DecimalField(max_digits=38, decimal_places=9)
    capital_years = models.IntegerField(default=4)
    capital_rate = models.DecimalField(max_digits=6, decimal_places=4, default="0.10")
    operations_rate = models.DecimalField(max_digits=6, decimal_places=4, default="0")
    residual = models.DecimalField(max_digits=6, decimal_places=4, default=Decimal(0), db_default=Decimal(0))
    embodied_g = models.DecimalField(
        max_digits=14, decimal_places=3, default=Decimal(0), db_default=Decimal(0)
    )
    margin = models.DecimalField(max_digits=6, decimal_places=4)
    finding = models.ForeignKey(
        "marketplace.JoulesFinding", on_delete=models.PROTECT, related_name="+", null=True, editable=False
    )
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "serving_profile"
        constraints = (
            models.CheckConstraint(
                name="profile_counts_at_least_one", condition=Q(chips__gte=1, capital_years__gte=1)
            ),
            models.CheckConstraint(
                name="profile_energy_positive",
                condition=Q(
                    joules_per_output_token__gt=0,
                    tokens_per_second__gt=0,
                    host_factor__gte=1,
                    watts_idle__gte=0,
                ),
            ),
            models.CheckConstraint(
                name="profile_ratios_in_range",
                condition=Q(input_ratio__gte=0, cached_ratio__gte=0, cached_ratio__lte=F("input_ratio")),
            ),
            models.CheckConstraint(
                name="profile_utilisation_in_range", condition=Q(utilisation__gt=0, utilisation__lte=1)
            ),
            models.CheckConstraint(
                name="profile_costs_not_negative",
                condition=Q(capital__gte=0, capital_rate__gte=0, operations_rate__gte=0, margin__gte=0),
            ),
            models.CheckConstraint(
                name="profile_ends_in_range",
                condition=Q(residual__gte=0, residual__lte=1, embodied_g__gte=0),
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} profile of offer {self.offer_id}"

    @property
    def joules(self) -> Decimal:
        """Chip joules of an output token, as prices are built from them."""
        claimed: Decimal = self.joules_per_output_token
        found = self.finding
        if found is None:
            return claimed
        return find_base(
            basis=Basis(found.basis),
            found=found.joules,
            claimed=found.claimed,
            claimed_now=claimed,
            reference=found.reference,
        )

"""Lots of heat: who wants some, who has it, and what was metered."""

from django.db import models
from django.db.models import F, Q


class HeatDemand(models.Model):
    """
    Heat that somebody buys: up to `kw` at `supply_c` degrees or more, within `distance_km` of `place`.

    `prices` are per kWh of heat in `currency`, in the form of marketplace.lots.heat_prices; the season from
    `season_start` to `season_end` (`MM-DD`) may wrap New Year.
    """

    class State(models.TextChoices):
        OPEN = "OPEN", "open"
        CONTRACTED = "CONTRACTED", "contracted"
        WITHDRAWN = "WITHDRAWN", "withdrawn"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    place = models.CharField(max_length=120)
    country = models.CharField(max_length=2)
    kw = models.DecimalField(max_digits=14, decimal_places=3)
    supply_c = models.DecimalField(max_digits=6, decimal_places=2)
    distance_km = models.DecimalField(max_digits=8, decimal_places=3)
    season_start = models.CharField(max_length=5)
    season_end = models.CharField(max_length=5)
    prices = models.JSONField()
    currency = models.CharField(max_length=8)
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "heat_demand"
        constraints = (
            models.CheckConstraint(
                name="heat_demand_is_sound",
                condition=Q(kw__gt=0, distance_km__gt=0, state__in=["OPEN", "CONTRACTED", "WITHDRAWN"]),
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.kw} kW of heat at {self.place}"


class HeatOffer(models.Model):
    """What a site would deliver to a demand; `heat_reused` is the share of its energy that would leave so."""

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    demand = models.ForeignKey(HeatDemand, on_delete=models.PROTECT, related_name="offers")
    site = models.ForeignKey("marketplace.Site", on_delete=models.PROTECT, related_name="+")
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    kw = models.DecimalField(max_digits=14, decimal_places=3)
    distance_km = models.DecimalField(max_digits=8, decimal_places=3)
    supply_c = models.DecimalField(max_digits=6, decimal_places=2)
    heat_reused = models.DecimalField(max_digits=6, decimal_places=4)
    created_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "heat_offer"
        constraints = (
            models.UniqueConstraint(
                name="heat_offer_once", fields=["demand", "site"], condition=Q(withdrawn_at=None)
            ),
            models.CheckConstraint(
                name="heat_offer_is_sound",
                condition=Q(kw__gt=0, distance_km__gte=0, heat_reused__gt=0, heat_reused__lte=1),
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.kw} kW of heat from site {self.site_id}"


class HeatContract(models.Model):
    """
    An offer of heat that was accepted; terms are those of the demand, and only its end may be added.

    `fee_bps` is the platform's share in ten-thousandths. A reading is due when the buyer confirms it, or
    `objection_days` after it was entered.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    demand = models.OneToOneField(HeatDemand, on_delete=models.PROTECT, related_name="contract")
    offer = models.OneToOneField(HeatOffer, on_delete=models.PROTECT, related_name="contract")
    site = models.ForeignKey("marketplace.Site", on_delete=models.PROTECT, related_name="heat_contracts")
    buyer = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    provider = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    fee_bps = models.IntegerField()
    objection_days = models.IntegerField()
    meter_start_kwh = models.DecimalField(max_digits=20, decimal_places=3)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "heat_contract"
        constraints = (
            models.UniqueConstraint(
                name="heat_contract_one_a_site", fields=["site"], condition=Q(ended_at=None)
            ),
            models.CheckConstraint(
                name="heat_contract_is_sound",
                condition=Q(
                    fee_bps__gte=0, fee_bps__lte=10_000, objection_days__gte=1, meter_start_kwh__gte=0
                ),
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} heat of site {self.site_id}"


class HeatReading(models.Model):
    """
    What the heat meter of a contract shows, as its provider read it; the counter's `total_kwh` never falls.

    `kwh` is what this reading adds, at `price`; `amount` and `fee` what it takes, less what the reading it
    `corrects` has taken. `digest` is over all of that and the reading before, so the buyer confirms exactly
    what was said.
    """

    class State(models.TextChoices):
        ENTERED = "ENTERED", "waits for the buyer"
        OBJECTED = "OBJECTED", "the buyer objects"
        CHARGED = "CHARGED", "charged"
        REPLACED = "REPLACED", "corrected before it was charged"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    contract = models.ForeignKey(HeatContract, on_delete=models.PROTECT, related_name="readings")
    number = models.IntegerField()
    read_at = models.DateTimeField()
    total_kwh = models.DecimalField(max_digits=20, decimal_places=3)
    outside_c = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    kwh = models.DecimalField(max_digits=20, decimal_places=3)
    price = models.DecimalField(max_digits=38, decimal_places=18)
    amount = models.DecimalField(max_digits=38, decimal_places=9)
    fee = models.DecimalField(max_digits=38, decimal_places=9)
    corrects = models.OneToOneField("self", on_delete=models.PROTECT, related_name="corrected_by", null=True)
    reason = models.CharField(max_length=1000, blank=True)
    entered_by = models.CharField(max_length=80)
    entered_at = models.DateTimeField()
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=State, default=State.ENTERED)
    answered_by = models.CharField(max_length=80, blank=True)
    answered_at = models.DateTimeField(null=True)
    objection = models.CharField(max_length=1000, blank=True)

    class Meta:
        db_table = "heat_reading"
        indexes = (
            models.Index(name="heat_reading_waits", fields=["entered_at"], condition=Q(state="ENTERED")),
        )
        constraints = (
            models.UniqueConstraint(name="heat_reading_number", fields=["contract", "number"]),
            models.CheckConstraint(
                name="heat_reading_is_sound",
                condition=Q(number__gte=1, kwh__gte=0, total_kwh__gte=F("kwh"), price__gte=0)
                & (Q(corrects=None) | ~Q(reason=""))
                & Q(state__in=["ENTERED", "OBJECTED", "CHARGED", "REPLACED"]),
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.total_kwh} kWh of contract {self.contract_id}"

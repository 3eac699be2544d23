"""Lots of power: who lists them, who bids, who gets how much of them."""

from django.db import models
from django.db.models import F, Q


class PowerLot(models.Model):
    """
    Power that a generator has from `starts_at` to `ends_at`, up to `kw` in the windows of its `profile`.

    `floor_price` is per kWh in `currency`. Sites in its country and grid zone (and region, where one is said)
    may bid until `closes_at`. A lot that is settled never changes; `awarded_kw` is kept by a trigger.
    """

    class Kind(models.TextChoices):
        PPA = "PPA", "purchase agreement"
        DIRECT = "DIRECT", "direct supply"
        CURTAILMENT = "CURTAILMENT", "would be curtailed"

    class Firmness(models.TextChoices):
        FIRM = "FIRM", "firm"
        INTERRUPTIBLE = "INTERRUPTIBLE", "interruptible"
        FORECAST = "FORECAST", "forecast"

    class State(models.TextChoices):
        OPEN = "OPEN", "open"
        AWARDED = "AWARDED", "awarded"
        UNSOLD = "UNSOLD", "unsold"
        WITHDRAWN = "WITHDRAWN", "withdrawn"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind)
    country = models.CharField(max_length=2)
    grid_zone = models.CharField(max_length=64)
    region = models.CharField(max_length=64, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    profile = models.JSONField()
    kw = models.DecimalField(max_digits=14, decimal_places=3)
    floor_price = models.DecimalField(max_digits=38, decimal_places=18)
    currency = models.CharField(max_length=8)
    firmness = models.CharField(max_length=16, choices=Firmness)
    notice_seconds = models.IntegerField(default=0)
    min_take_kwh = models.DecimalField(max_digits=20, decimal_places=3, default=0)
    divisible = models.BooleanField(default=True)
    closes_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    awarded_kw = models.DecimalField(max_digits=14, decimal_places=3, default=0)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "power_lot"
        indexes = (models.Index(name="power_lot_open", fields=["closes_at"], condition=Q(state="OPEN")),)
        constraints = (
            models.CheckConstraint(
                name="power_lot_is_sound",
                condition=Q(
                    ends_at__gt=F("starts_at"),
                    closes_at__lte=F("starts_at"),
                    kw__gt=0,
                    floor_price__gte=0,
                    notice_seconds__gte=0,
                    min_take_kwh__gte=0,
                    kind__in=["PPA", "DIRECT", "CURTAILMENT"],
                    firmness__in=["FIRM", "INTERRUPTIBLE", "FORECAST"],
                ),
            ),
            models.CheckConstraint(
                name="power_lot_never_oversold", condition=Q(awarded_kw__gte=0, awarded_kw__lte=F("kw"))
            ),
            models.CheckConstraint(
                name="power_lot_state_is_sound",
                condition=Q(state="OPEN", settled_at=None)
                | Q(state="AWARDED", awarded_kw__gt=0, settled_at__isnull=False)
                | Q(state__in=["UNSOLD", "WITHDRAWN"], awarded_kw=0, settled_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind} {self.kw} kW in {self.grid_zone}"


class PowerBid(models.Model):
    """What a site would take of a lot, down to `kw_least`, at `price` per kWh; sealed until it is settled."""

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    lot = models.ForeignKey(PowerLot, on_delete=models.PROTECT, related_name="bids")
    site = models.ForeignKey("marketplace.Site", on_delete=models.PROTECT, related_name="+")
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    kw = models.DecimalField(max_digits=14, decimal_places=3)
    kw_least = models.DecimalField(max_digits=14, decimal_places=3)
    price = models.DecimalField(max_digits=38, decimal_places=18)
    created_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "power_bid"
        constraints = (
            models.UniqueConstraint(
                name="power_bid_once", fields=["lot", "site"], condition=Q(withdrawn_at=None)
            ),
            models.CheckConstraint(
                name="power_bid_is_sound", condition=Q(kw_least__gt=0, kw__gte=F("kw_least"), price__gte=0)
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.kw} kW for site {self.site_id}"


class PowerAward(models.Model):
    """What a bid got of its lot, at the price it named; never changed."""

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    lot = models.ForeignKey(PowerLot, on_delete=models.PROTECT, related_name="awards")
    bid = models.OneToOneField(PowerBid, on_delete=models.PROTECT, related_name="award")
    kw = models.DecimalField(max_digits=14, decimal_places=3)
    price = models.DecimalField(max_digits=38, decimal_places=18)
    awarded_at = models.DateTimeField()

    class Meta:
        db_table = "power_award"
        constraints = (
            models.CheckConstraint(name="power_award_is_sound", condition=Q(kw__gt=0, price__gte=0)),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.kw} kW of lot {self.lot_id}"

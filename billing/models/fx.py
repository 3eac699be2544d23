"""Rates, quotes and what was exchanged; what the platform holds by it."""

from decimal import Decimal
from typing import Any

from django.db import models

AMOUNT: dict[str, Any] = {"max_digits": 38, "decimal_places": 9}
RATE: dict[str, Any] = {"max_digits": 38, "decimal_places": 18}


class FxRate(models.Model):
    """What a source said at a moment: `rate` of `currency` are worth one of `unit`. Never changed."""

    source = models.TextField()
    unit = models.TextField()
    currency = models.TextField()
    rate = models.DecimalField(**RATE)
    as_of = models.DateTimeField()
    noted_at = models.DateTimeField()
    noted_by = models.TextField()

    class Meta:
        db_table = "fx_rate"
        managed = False
        verbose_name = "exchange rate"

    def __str__(self) -> str:
        return f"{self.rate} {self.currency} for one {self.unit}"


class FxQuote(models.Model):
    """
    For a while, `rate` of `base` buy one of `quote`, the spread included; `mid` is without it.

    Without an organization it stands for everybody; otherwise that organization may use it, once.
    """

    uid = models.UUIDField(unique=True)
    base = models.TextField()
    quote = models.TextField()
    mid = models.DecimalField(**RATE)
    spread_bps = models.IntegerField()
    rate = models.DecimalField(**RATE)
    source = models.TextField()
    rate_at = models.DateTimeField()
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )

    class Meta:
        db_table = "fx_quote"
        managed = False
        verbose_name = "quote"

    def __str__(self) -> str:
        return f"#{self.pk} {self.rate} {self.base} for one {self.quote}"


class FxStandingQuote(models.Model):
    """The newest quote of a pair for whoever pays without asking first."""

    pk = models.CompositePrimaryKey("base", "quote")
    base = models.TextField()
    quote = models.TextField()
    newest = models.OneToOneField(
        FxQuote, on_delete=models.PROTECT, related_name="stands", db_column="quote_id"
    )

    class Meta:
        db_table = "fx_standing_quote"
        managed = False

    def __str__(self) -> str:
        return f"{self.base} for {self.quote}"


class FxSpread(models.Model):
    """What is asked beyond the middle rate, of pairs for which it is not the usual."""

    pk = models.CompositePrimaryKey("base", "quote")
    base = models.TextField()
    quote = models.TextField()
    spread_bps = models.IntegerField()

    class Meta:
        db_table = "fx_spread"
        managed = False
        verbose_name = "spread"

    def __str__(self) -> str:
        return f"{self.spread_bps} bps on {self.base} for {self.quote}"


class FxLimit(models.Model):
    """How much of a currency the platform may be long or short of."""

    currency = models.TextField(primary_key=True)
    amount = models.DecimalField(**AMOUNT)

    class Meta:
        db_table = "fx_limit"
        managed = False
        verbose_name = "limit of a position"

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


class FxConversion(models.Model):
    """What an organization sold of the quote's base and bought of its other currency."""

    uid = models.UUIDField(unique=True)
    quote = models.OneToOneField(FxQuote, on_delete=models.PROTECT, related_name="used_by")
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    sold = models.DecimalField(**AMOUNT)
    bought = models.DecimalField(**AMOUNT)
    mid_amount = models.DecimalField(**AMOUNT)
    entry = models.OneToOneField("billing.Entry", on_delete=models.PROTECT, related_name="+")
    converted_at = models.DateTimeField()

    class Meta:
        db_table = "fx_conversion"
        managed = False
        verbose_name = "conversion"

    def __str__(self) -> str:
        return f"#{self.pk} {self.sold} for {self.bought}"


class FxPosition(models.Model):
    """What the platform is long (+) or short (-) of, and what that cost in US dollars."""

    account = models.OneToOneField(
        "billing.LedgerAccount", on_delete=models.PROTECT, related_name="+", primary_key=True
    )
    amount = models.DecimalField(**AMOUNT)
    book_value = models.DecimalField(**AMOUNT)

    class Meta:
        db_table = "fx_position"
        managed = False
        verbose_name = "position"

    def __str__(self) -> str:
        return f"#{self.account_id} {self.amount}"


class FxLeg(models.Model):
    """By what an entry moved a position: its value, the change of the book value, the gain (US dollars)."""

    pk = models.CompositePrimaryKey("entry_id", "account_id")
    entry = models.ForeignKey("billing.Entry", on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey("billing.LedgerAccount", on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    amount = models.DecimalField(**AMOUNT)
    value = models.DecimalField(**AMOUNT)
    book = models.DecimalField(**AMOUNT)
    gain = models.DecimalField(**AMOUNT)
    gain_entry = models.ForeignKey("billing.Entry", on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        db_table = "fx_leg"
        managed = False

    def __str__(self) -> str:
        return f"#{self.entry_id} {self.amount}"


class FxRevaluation(models.Model):
    """What a position was worth at the end of a day, beside what it cost (US dollars)."""

    pk = models.CompositePrimaryKey("day", "account_id")
    day = models.DateField()
    account = models.ForeignKey("billing.LedgerAccount", on_delete=models.PROTECT, related_name="+")
    amount = models.DecimalField(**AMOUNT)
    book_value = models.DecimalField(**AMOUNT)
    rate = models.DecimalField(**RATE)
    source = models.TextField()
    rate_at = models.DateTimeField()
    value = models.DecimalField(**AMOUNT)
    entry = models.ForeignKey("billing.Entry", on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        db_table = "fx_revaluation"
        managed = False

    def __str__(self) -> str:
        return f"{self.day} {self.value}"


class SwapLine(models.Model):
    """What a bank lends in a currency, up to `ceiling`."""

    uid = models.UUIDField(unique=True)
    counterparty = models.TextField()
    currency = models.TextField()
    ceiling = models.DecimalField(**AMOUNT)
    drawn = models.DecimalField(**AMOUNT)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "swap_line"
        managed = False

    def __str__(self) -> str:
        return f"{self.counterparty} {self.currency}"

    @property
    def left(self) -> Decimal:
        """What may still be drawn."""
        return self.ceiling - self.drawn


class SwapMovement(models.Model):
    """What was drawn from a line (+) or paid back (-)."""

    line = models.ForeignKey(SwapLine, on_delete=models.PROTECT, related_name="movements")
    amount = models.DecimalField(**AMOUNT)
    entry = models.OneToOneField("billing.Entry", on_delete=models.PROTECT, related_name="+")
    moved_at = models.DateTimeField()

    class Meta:
        db_table = "swap_movement"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.amount}"

"""Usage rated with its price card, and where it stands on its way into the ledger."""

from decimal import Decimal

from django.db import models


class Charge(models.Model):
    """
    What one usage record costs; rated once, never changed.

    The buyer pays `amount` (the rated amount, never more than was held); the provider gets
    `amount - fee + overrun`; `overrun` is what the platform pays because its own estimate was too low.
    """

    usage_id = models.BigIntegerField(primary_key=True)
    hold = models.ForeignKey(
        "billing.Hold", on_delete=models.PROTECT, related_name="charges", db_constraint=False
    )
    wallet = models.ForeignKey(
        "billing.Scope", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    payable = models.ForeignKey(
        "billing.LedgerAccount", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    currency = models.TextField()
    rated = models.DecimalField(max_digits=38, decimal_places=9)
    amount = models.DecimalField(max_digits=38, decimal_places=9)
    fee = models.DecimalField(max_digits=38, decimal_places=9)
    overrun = models.DecimalField(max_digits=38, decimal_places=9)
    closes_hold = models.BooleanField()
    rated_at = models.DateTimeField()

    class Meta:
        db_table = "charge"
        managed = False

    def __str__(self) -> str:
        return f"#{self.usage_id} {self.amount} {self.currency}"

    @property
    def provider_amount(self) -> Decimal:
        """What the provider is owed for it."""
        return self.amount - self.fee + self.overrun


class ChargeConversion(models.Model):
    """
    What was sold for a charge that is paid from a wallet in another currency than the price: the provider
    gets `amount - fee + overrun` of it. `mid_amount` of the charge, in the wallet's currency, is what the
    amount is worth at the middle rate; the rest is the spread.
    """

    charge = models.OneToOneField(
        Charge,
        on_delete=models.PROTECT,
        primary_key=True,
        db_column="usage_id",
        related_name="conversion",
        db_constraint=False,
    )
    quote_id = models.BigIntegerField()
    currency = models.TextField()
    amount = models.DecimalField(max_digits=38, decimal_places=9)
    fee = models.DecimalField(max_digits=38, decimal_places=9)
    overrun = models.DecimalField(max_digits=38, decimal_places=9)
    mid_amount = models.DecimalField(max_digits=38, decimal_places=9)

    class Meta:
        db_table = "charge_conversion"
        managed = False

    def __str__(self) -> str:
        return f"#{self.charge_id} sells {self.amount} {self.currency}"

    @property
    def provider_amount(self) -> Decimal:
        """What the provider is owed for it, in its currency."""
        return self.amount - self.fee + self.overrun


class QueuedCharge(models.Model):
    """A charge that waits to be posted."""

    usage_id = models.BigIntegerField(primary_key=True)
    wallet = models.ForeignKey(
        "billing.Scope", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    queued_at = models.DateTimeField()

    class Meta:
        db_table = "charge_queue"
        managed = False

    def __str__(self) -> str:
        return f"#{self.usage_id} queued"


class ChargeEntry(models.Model):
    """Which entry posted a charge."""

    usage_id = models.BigIntegerField(primary_key=True)
    entry = models.ForeignKey(
        "billing.Entry", on_delete=models.PROTECT, related_name="charges", db_constraint=False
    )

    class Meta:
        db_table = "charge_entry"
        managed = False
        verbose_name_plural = "charge entries"

    def __str__(self) -> str:
        return f"#{self.usage_id} in entry {self.entry_id}"


class ChargeQuarantine(models.Model):
    """A charge that could not be posted and waits for an operator, alone."""

    usage_id = models.BigIntegerField(primary_key=True)
    error = models.TextField()
    quarantined_at = models.DateTimeField()

    class Meta:
        db_table = "charge_quarantine"
        managed = False

    def __str__(self) -> str:
        return f"#{self.usage_id} {self.error}"


class GiveBack(models.Model):
    """
    What the buyer got of a charge when the price it was sold at became final: `amount`, nothing if that price
    was no lower. `rated` is what the usage costs at it.
    """

    usage_id = models.BigIntegerField(primary_key=True)
    source = models.BigIntegerField()
    rated = models.DecimalField(max_digits=38, decimal_places=9)
    amount = models.DecimalField(max_digits=38, decimal_places=9)
    fee = models.DecimalField(max_digits=38, decimal_places=9)
    overrun = models.DecimalField(max_digits=38, decimal_places=9)
    entry = models.ForeignKey(
        "billing.Entry", on_delete=models.PROTECT, related_name="give_backs", null=True, db_constraint=False
    )
    settled_at = models.DateTimeField()

    class Meta:
        db_table = "give_back"
        managed = False

    def __str__(self) -> str:
        return f"#{self.usage_id} gives back {self.amount}"

    @property
    def provider_amount(self) -> Decimal:
        """The provider's part of it."""
        return self.amount - self.fee + self.overrun


class GiveBackConversion(models.Model):
    """The same of what was given back of a converted charge."""

    usage_id = models.BigIntegerField(primary_key=True)
    amount = models.DecimalField(max_digits=38, decimal_places=9)
    fee = models.DecimalField(max_digits=38, decimal_places=9)
    overrun = models.DecimalField(max_digits=38, decimal_places=9)
    mid_amount = models.DecimalField(max_digits=38, decimal_places=9)

    class Meta:
        db_table = "give_back_conversion"
        managed = False

    def __str__(self) -> str:
        return f"#{self.usage_id} gives back {self.amount}"

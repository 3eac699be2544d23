"""What limits spending, and what is set aside."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Scope(models.Model):
    """
    One thing that limits spending: a wallet, or the limit of a project, member or key.

    A wallet's row is its balance. A limit's `posted` is ceiling - spent. `posted - held >= floor`, always.
    """

    class Kind(models.IntegerChoices):
        """Also the order in which rows are locked."""

        WALLET = 1
        PROJECT = 2
        MEMBER = 3
        KEY = 4

    kind = models.SmallIntegerField(choices=Kind.choices)
    currency = models.TextField()
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    account = models.OneToOneField(
        "billing.LedgerAccount", on_delete=models.PROTECT, related_name="scope", null=True
    )
    subject_id = models.BigIntegerField(null=True)
    limit = models.ForeignKey(
        "billing.SpendingLimit", on_delete=models.PROTECT, related_name="scopes", null=True
    )
    period_start = models.DateTimeField(null=True)
    ceiling = models.DecimalField(max_digits=38, decimal_places=9, null=True)
    posted = models.DecimalField(max_digits=38, decimal_places=9)
    held = models.DecimalField(max_digits=38, decimal_places=9)
    floor = models.DecimalField(max_digits=38, decimal_places=9)
    frozen = models.BooleanField(default=False)

    class Meta:
        db_table = "scope"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.Kind(self.kind).label} {self.currency}"

    @property
    def available(self) -> Decimal:
        """What may still be held; nothing of a frozen wallet."""
        return Decimal(0) if self.frozen else self.posted - self.held - self.floor


class SpendingLimit(models.Model):
    """
    What a key, a member or a project may spend in a period; `scope` is the row of the running period.

    `turns_at` is when that period ends, None for never; once it is past, the next job makes the next row.
    """

    class Kind(models.IntegerChoices):
        """Whose limit it is, numbered as scopes are."""

        PROJECT = 2
        MEMBER = 3
        KEY = 4

    class Period(models.TextChoices):
        """UTC's days, weeks from Monday, months; or all of time."""

        DAILY = "DAILY"
        WEEKLY = "WEEKLY"
        MONTHLY = "MONTHLY"
        LIFETIME = "LIFETIME"

    uid = models.UUIDField(unique=True)
    kind = models.SmallIntegerField(choices=Kind.choices)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    subject_id = models.BigIntegerField()
    """Id of a project, a user or a key."""
    currency = models.TextField()
    period = models.TextField(choices=Period.choices)
    ceiling = models.DecimalField(max_digits=38, decimal_places=9)
    scope = models.OneToOneField(Scope, on_delete=models.PROTECT, related_name="+", null=True)
    turns_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "spending_limit"
        managed = False

    def __str__(self) -> str:
        kind, period = self.Kind(self.kind).label, self.Period(self.period).label
        return f"#{self.pk} {kind} {self.subject_id}: {self.ceiling} {self.currency} {period.lower()}"


class Hold(models.Model):
    """Money set aside for one source (a job) before it starts; lives as long as its source."""

    source = models.BigIntegerField(unique=True)
    currency = models.TextField()
    amount = models.DecimalField(max_digits=38, decimal_places=9)
    released = models.DecimalField(max_digits=38, decimal_places=9)
    scopes = ArrayField(models.BigIntegerField())
    """Every scope row the hold raised, the wallet first."""
    quote_id = models.BigIntegerField(null=True)
    """The quote it locked, where the price is in another currency than the wallet."""
    price_currency = models.TextField(null=True)
    price_amount = models.DecimalField(max_digits=38, decimal_places=9, null=True)
    """What it covers in that currency."""
    state = models.TextField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "hold"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.amount} {self.currency} {self.state}"

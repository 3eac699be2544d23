"""Settlements, their items and lines, and payouts with each of their steps."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from core.quantities import format_plain


class PayoutSchedule(models.Model):
    """How often a provider wants to be paid."""

    class Every(models.TextChoices):
        """UTC's days, weeks from Monday, months."""

        DAILY = "DAILY"
        WEEKLY = "WEEKLY"
        MONTHLY = "MONTHLY"

    organization = models.OneToOneField(
        "accounts.Organization", on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    every = models.TextField(choices=Every.choices)
    chosen_at = models.DateTimeField()

    class Meta:
        db_table = "payout_schedule"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.every}"


class PayoutTerm(models.Model):
    """
    What the platform asks for in a currency: the least it pays out, what a payout costs the provider, and for
    how many days after its first earning, and up to how much, a provider's earnings are kept back.
    """

    currency = models.TextField(primary_key=True)
    minimum = models.DecimalField(max_digits=38, decimal_places=9)
    fee = models.DecimalField(max_digits=38, decimal_places=9)
    held_days = models.IntegerField()
    held_max = models.DecimalField(null=True, blank=True, max_digits=38, decimal_places=9)
    """None for all of it."""
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "payout_term"
        managed = False

    def __str__(self) -> str:
        return self.currency


class SettlementBatch(models.Model):
    """Everything owed in a currency up to a number of the ledger, to be agreed to by two people and paid."""

    class State(models.TextChoices):
        """Forward only. What was submitted is fixed."""

        DRAFT = "DRAFT"
        SUBMITTED = "SUBMITTED"
        APPROVED = "APPROVED"
        EXECUTING = "EXECUTING"
        DONE = "DONE"
        VOID = "VOID"

    OPEN: ClassVar = (State.DRAFT, State.SUBMITTED, State.APPROVED, State.EXECUTING)

    uid = models.UUIDField(unique=True)
    period = models.TextField()
    currency = models.TextField()
    entity = models.TextField()
    cutoff_seq = models.BigIntegerField()
    minimum = models.DecimalField(max_digits=38, decimal_places=9)
    fee = models.DecimalField(max_digits=38, decimal_places=9)
    held_days = models.IntegerField()
    held_max = models.DecimalField(null=True, max_digits=38, decimal_places=9)
    state = models.TextField(choices=State.choices)
    content_sha256 = models.TextField(null=True)
    drafted_at = models.DateTimeField()
    prepared_by = models.UUIDField(null=True)
    prepared_at = models.DateTimeField(null=True)
    approved_by = models.UUIDField(null=True)
    approved_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    note = models.TextField()

    class Meta:
        db_table = "settlement_batch"
        managed = False
        verbose_name_plural = "settlement batches"

    def __str__(self) -> str:
        return f"#{self.pk} {self.currency} {self.period}"


class SettlementItem(models.Model):
    """
    What one provider is owed in a batch: `carried = balance + released - held - tax - fee - amount`.

    `refusal` says why nothing is paid: BELOW_MINIMUM, NEGATIVE, NEW (kept back), NO_METHOD, NOT_ALLOWED.
    """

    class Outcome(models.TextChoices):
        """What became of it when the batch was carried out."""

        PAID_OUT = "PAID_OUT"
        CARRIED = "CARRIED"
        STOPPED = "STOPPED"
        SHORT = "SHORT"

    uid = models.UUIDField(unique=True)
    batch = models.ForeignKey(SettlementBatch, on_delete=models.PROTECT, related_name="items")
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey("billing.LedgerAccount", on_delete=models.PROTECT, related_name="+")
    from_seq = models.BigIntegerField()
    opening = models.DecimalField(max_digits=38, decimal_places=9)
    balance = models.DecimalField(max_digits=38, decimal_places=9)
    charges = models.BigIntegerField()
    held_before = models.DecimalField(max_digits=38, decimal_places=9)
    held = models.DecimalField(max_digits=38, decimal_places=9)
    released = models.DecimalField(max_digits=38, decimal_places=9)
    withholding_bps = models.IntegerField()
    tax = models.DecimalField(max_digits=38, decimal_places=9)
    fee = models.DecimalField(max_digits=38, decimal_places=9)
    amount = models.DecimalField(max_digits=38, decimal_places=9)
    carried = models.DecimalField(max_digits=38, decimal_places=9)
    minimum = models.DecimalField(max_digits=38, decimal_places=9)
    rail = models.TextField()
    method_id = models.BigIntegerField(null=True)
    refusal = models.TextField()
    outcome = models.TextField(null=True, choices=Outcome.choices)
    entries = ArrayField(models.BigIntegerField())
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "settlement_item"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {format_plain(self.amount)}"


class SettlementLine(models.Model):
    """What happened on the payable account since the last settlement, by kind; positive for the provider."""

    pk = models.CompositePrimaryKey("item_id", "kind")
    item = models.ForeignKey(SettlementItem, on_delete=models.PROTECT, related_name="lines")
    kind = models.TextField()
    count = models.BigIntegerField()
    amount = models.DecimalField(max_digits=38, decimal_places=9)

    class Meta:
        db_table = "settlement_line"
        managed = False

    def __str__(self) -> str:
        return f"#{self.item_id} {self.kind} {self.amount}"


class Payout(models.Model):
    """Money on its way to a provider, by one rail."""

    class State(models.TextChoices):
        """Forward only; RETURNED and FAILED put it back to what is owed."""

        PLANNED = "PLANNED"
        SENT = "SENT"
        IN_TRANSIT = "IN_TRANSIT"
        PAID = "PAID"
        RETURNED = "RETURNED"
        FAILED = "FAILED"

    uid = models.UUIDField(unique=True)
    item = models.OneToOneField(SettlementItem, on_delete=models.PROTECT, related_name="payout")
    batch = models.ForeignKey(SettlementBatch, on_delete=models.PROTECT, related_name="payouts")
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey("billing.LedgerAccount", on_delete=models.PROTECT, related_name="+")
    currency = models.TextField()
    entity = models.TextField()
    amount = models.DecimalField(max_digits=38, decimal_places=9)
    tax = models.DecimalField(max_digits=38, decimal_places=9)
    rail = models.TextField()
    method_id = models.BigIntegerField(null=True)
    state = models.TextField(choices=State.choices)
    external_id = models.TextField(unique=True, null=True)
    clearing = models.TextField(null=True)
    reason = models.TextField()
    planned_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "payout"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {format_plain(self.amount)} {self.currency}"


class PayoutStep(models.Model):
    """One step of a payout, with the entry it posted."""

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="steps")
    state = models.TextField()
    rail = models.TextField()
    external_id = models.TextField(null=True)
    reason = models.TextField()
    actor = models.TextField()
    entry = models.OneToOneField("billing.Entry", on_delete=models.PROTECT, related_name="+", null=True)
    happened_at = models.DateTimeField()
    noted_at = models.DateTimeField()

    class Meta:
        db_table = "payout_step"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.state}"

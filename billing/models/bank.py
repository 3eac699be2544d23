"""The platform's accounts at banks, and what their statements say."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


def _amount() -> "models.DecimalField[Decimal, Decimal]":
    return models.DecimalField(max_digits=38, decimal_places=9)


class BankAccount(models.Model):
    """An account of the platform at a bank; `number` is its IBAN, or what its country has instead."""

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    currency = models.TextField()
    entity = models.TextField()
    number = models.TextField()
    bic = models.TextField(default="")
    bank = models.TextField()
    holder = models.TextField()
    fee_codes = ArrayField(models.TextField(), default=list)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "bank_account"
        managed = False

    def __str__(self) -> str:
        return f"{self.bank} {self.masked} {self.currency}"

    @property
    def masked(self) -> str:
        """Its number for people who need only recognize it."""
        return f"…{self.number[-4:]}"


class BankFile(models.Model):
    """A file of statements as it was handed in, and why it was refused if it was."""

    class State(models.TextChoices):
        """RECEIVED: stored, and not read yet."""

        RECEIVED = "RECEIVED", _("received")
        READ = "READ", _("read")
        REFUSED = "REFUSED", _("refused")

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    sha256 = models.TextField(unique=True)
    content = models.BinaryField()
    received_at = models.DateTimeField()
    received_by = models.UUIDField(null=True)
    state = models.TextField(choices=State.choices, default=State.RECEIVED)
    refusal = models.TextField(default="")

    class Meta:
        db_table = "bank_file"
        managed = False

    def __str__(self) -> str:
        return f"{self.sha256[:12]} {self.state}"


class BankStatement(models.Model):
    """What a bank says of one account over some days; it begins where the one before it ended."""

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    account = models.ForeignKey(
        BankAccount, on_delete=models.PROTECT, related_name="statements", db_constraint=False
    )
    file = models.ForeignKey(
        BankFile, on_delete=models.PROTECT, related_name="statements", db_constraint=False
    )
    name = models.TextField()
    number = models.BigIntegerField(null=True)
    sha256 = models.TextField()
    opening = _amount()
    closing = _amount()
    opens_on = models.DateField()
    closes_on = models.DateField()
    imported_at = models.DateTimeField()

    class Meta:
        db_table = "bank_statement"
        managed = False

    def __str__(self) -> str:
        return f"{self.name} {self.closes_on}"


class BankLine(models.Model):
    """
    One movement of a bank account, positive for what came in, and what it was booked as.

    `suspense_entry` stays with a line that was in suspense; the entry is reversed when the line leaves it.
    """

    class State(models.TextChoices):
        """RETURNING: to be sent back, and not seen to leave yet. SENT_BACK: it left with `counterpart`."""

        NEW = "NEW", _("new")
        SUSPENSE = "SUSPENSE", _("suspense")
        RETURNING = "RETURNING", _("being sent back")
        SENT_BACK = "SENT_BACK", _("sent back")
        WALLET = "WALLET", _("wallet")
        PAYOUT = "PAYOUT", _("payout")
        RETURN = "RETURN", _("returned payout")
        FEE = "FEE", _("bank fee")

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    statement = models.ForeignKey(
        BankStatement, on_delete=models.PROTECT, related_name="lines", db_constraint=False
    )
    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    reference = models.TextField()
    amount = _amount()
    booked_on = models.DateField()
    is_reversal = models.BooleanField()
    code = models.TextField()
    bank_code = models.TextField()
    end_to_end_id = models.TextField()
    counterparty = models.TextField()
    remittance = models.TextField()
    trouble = models.TextField()
    state = models.TextField(choices=State.choices, default=State.NEW)
    reason = models.TextField(default="")
    suspense_entry = models.OneToOneField(
        "billing.Entry", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )
    entry = models.OneToOneField(
        "billing.Entry", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )
    payout = models.ForeignKey(
        "billing.Payout", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )
    counterpart = models.OneToOneField(
        "self", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )
    approval = models.ForeignKey(
        "billing.Approval", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )
    acted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "bank_line"
        managed = False

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.reference}"

"""Checks of organizations, lists of sanctions, and money that is frozen."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models


class ComplianceStep(models.Model):
    """A step of a check of identity or tax; the newest of a kind is what holds. Never changed."""

    class Kind(models.TextChoices):
        """What is checked."""

        IDENTITY = "IDENTITY"
        TAX_FORM = "TAX_FORM", "Tax form"

    class State(models.TextChoices):
        """How far it is."""

        SUBMITTED = "SUBMITTED"
        IN_REVIEW = "IN_REVIEW", "In review"
        VERIFIED = "VERIFIED"
        ACCEPTED = "ACCEPTED"
        REFUSED = "REFUSED"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    kind = models.TextField(choices=Kind.choices)
    state = models.TextField(choices=State.choices)
    form = models.TextField(default="")
    withholding_bps = models.IntegerField(default=0)
    reason = models.TextField(default="")
    evidence = models.JSONField(default=list)
    valid_until = models.DateField(null=True)
    made_by = models.UUIDField(null=True)
    made_at = models.DateTimeField()

    class Meta:
        db_table = "compliance_step"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind} {self.state}"

    @property
    def share(self) -> Decimal:
        """What is withheld of payouts, of 1."""
        return Decimal(self.withholding_bps) / 10_000


class ComplianceDocument(models.Model):
    """
    A paper that an organization handed in for its checks; steps name it in their evidence.

    `content` is encrypted; `size` and `sha256` are of what was handed in. Only its key changes.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    number = models.IntegerField()
    """It is the organization's first, second, …"""
    name = models.TextField()
    kind = models.TextField()
    """Its media type, by its content."""
    size = models.IntegerField()
    sha256 = models.TextField()
    content = models.BinaryField()
    key_id = models.TextField()
    added_by = models.UUIDField(null=True)
    added_at = models.DateTimeField()

    class Meta:
        db_table = "compliance_document"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.name}"


class TaxNumber(models.Model):
    """A tax number that was handed in for a check: encrypted, `hint` is its end."""

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    hint = models.TextField()
    content = models.BinaryField()
    key_id = models.TextField()
    added_by = models.UUIDField(null=True)
    added_at = models.DateTimeField()

    class Meta:
        db_table = "tax_number"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.hint}"


class SanctionsList(models.Model):
    """A list that was loaded."""

    id = models.BigAutoField(primary_key=True)
    source = models.TextField()
    dated = models.DateField()
    sha256 = models.TextField()
    names = models.IntegerField()
    loaded_at = models.DateTimeField()

    class Meta:
        db_table = "sanctions_list"
        managed = False

    def __str__(self) -> str:
        return f"{self.source} of {self.dated}"


class SanctionsName(models.Model):
    """A name on a list; `words` is it as it is compared."""

    pk = models.CompositePrimaryKey("list_id", "line")
    list = models.ForeignKey(SanctionsList, on_delete=models.PROTECT, related_name="entries")
    line = models.IntegerField()
    name = models.TextField()
    words = ArrayField(models.TextField())
    country = models.TextField(default="")

    class Meta:
        db_table = "sanctions_name"
        managed = False

    def __str__(self) -> str:
        return self.name


class Screening(models.Model):
    """What a comparison of a name with the lists said, or what was decided about it. Never changed."""

    class State(models.TextChoices):
        """What came of it."""

        CLEAR = "CLEAR"
        HIT = "HIT"
        DISMISSED = "DISMISSED"
        CONFIRMED = "CONFIRMED"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    name = models.TextField()
    state = models.TextField(choices=State.choices)
    score = models.DecimalField(max_digits=5, decimal_places=4)
    matched = models.TextField(default="")
    source = models.TextField(default="")
    reason = models.TextField(default="")
    made_by = models.UUIDField(null=True)
    made_at = models.DateTimeField()

    class Meta:
        db_table = "screening"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.name}: {self.state}"


class Freeze(models.Model):
    """An account whose money may not move; two people end it."""

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey("billing.LedgerAccount", on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    frozen = models.DecimalField(max_digits=38, decimal_places=9)
    released = models.DecimalField(max_digits=38, decimal_places=9)
    made_by = models.UUIDField()
    made_at = models.DateTimeField()
    approval = models.OneToOneField("billing.Approval", on_delete=models.PROTECT, related_name="+", null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "money_freeze"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.frozen} of account {self.account_id}"

"""The ledger's tables: currencies, accounts, entries, postings."""

from django.db import models


class Currency(models.Model):
    """A currency the ledger keeps; CNY, CNH and USDC are three different ones."""

    class Kind(models.TextChoices):
        """What stands behind it."""

        FIAT = "FIAT"
        STABLECOIN = "STABLECOIN"
        TEST = "TEST", "Test money"

    code = models.TextField(primary_key=True)
    name = models.TextField()
    kind = models.TextField(choices=Kind.choices)
    exponent = models.SmallIntegerField()
    """Decimal places in which it is paid out; the ledger keeps nine."""
    numeric_code = models.TextField(null=True)
    stripe_exponent = models.SmallIntegerField(null=True)
    """Places of Stripe's integer amounts; nothing where Stripe charges nothing in it."""
    stripe_step = models.IntegerField(null=True)
    payout_step = models.IntegerField(null=True)
    minimum_charge = models.DecimalField(max_digits=38, decimal_places=9, null=True)

    class Meta:
        db_table = "currency"
        managed = False
        verbose_name_plural = "currencies"

    def __str__(self) -> str:
        return self.code


class LedgerAccount(models.Model):
    """An account of the chart; `normal` is +1 where debits make it grow, -1 where credits do."""

    code = models.TextField(unique=True)
    purpose = models.TextField()
    currency = models.TextField()
    category = models.TextField()
    normal = models.SmallIntegerField()
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )
    entity = models.TextField(default="HK")
    """Code of the booking entity in whose books it is."""
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "ledger_account"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.code}"


class Entry(models.Model):
    """One movement of money: postings that sum to zero in every currency. Never changed."""

    key = models.TextField(unique=True)
    kind = models.TextField()
    actor = models.TextField()
    reason = models.TextField()
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, related_name="reversed_by", null=True, db_column="reverses"
    )
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    booked_on = models.DateField(null=True)
    """The day on which it is booked, where the one on which it happened was closed already."""

    class Meta:
        db_table = "entry"
        managed = False
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"#{self.pk} {self.key}"


class Posting(models.Model):
    """One leg of an entry: a debit (+) or credit (-) of an account, nine places."""

    pk = models.CompositePrimaryKey("entry_id", "seq")
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="postings", db_constraint=False)
    seq = models.SmallIntegerField()
    account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="postings", db_constraint=False
    )
    currency = models.TextField()
    amount = models.DecimalField(max_digits=38, decimal_places=9)

    class Meta:
        db_table = "posting"
        managed = False

    def __str__(self) -> str:
        return f"#{self.entry_id}/{self.seq} {self.amount} {self.currency}"


class NumberedEntry(models.Model):
    """The gap-free number of a committed entry, with its link of the hash chain."""

    seq = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, related_name="number")
    chain = models.BinaryField()

    class Meta:
        db_table = "ledger_seq"
        managed = False

    def __str__(self) -> str:
        return f"#{self.seq} entry {self.entry_id}"

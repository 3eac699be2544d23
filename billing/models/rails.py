"""Files that tell a bank, a signer or a person what to pay; and USDC that arrives on chain."""

from django.db import models


class PayerAccount(models.Model):
    """The account that a rail pays from in a currency, as files describe it."""

    rail = models.TextField()
    currency = models.TextField()
    details = models.JSONField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "payer_account"
        managed = False

    def __str__(self) -> str:
        return f"{self.rail} {self.currency}"


class RailFile(models.Model):
    """A file of payouts of one rail and currency; its content is encrypted, because it names accounts."""

    class State(models.TextChoices):
        """Handed over once, or thrown away before."""

        MADE = "MADE", "Made"
        SENT = "SENT", "Handed over"
        VOID = "VOID", "Void"

    uid = models.UUIDField(unique=True)
    rail = models.TextField()
    currency = models.TextField()
    name = models.TextField()
    media_type = models.TextField()
    sha256 = models.TextField()
    content = models.BinaryField()
    key_id = models.TextField()
    payer = models.JSONField()
    payments = models.IntegerField()
    total = models.DecimalField(max_digits=38, decimal_places=9)
    state = models.TextField(choices=State.choices)
    made_by = models.UUIDField()
    made_at = models.DateTimeField()
    sent_by = models.UUIDField(null=True)
    sent_at = models.DateTimeField(null=True)
    external_id = models.TextField(unique=True, null=True)
    voided_at = models.DateTimeField(null=True)
    note = models.TextField()

    class Meta:
        db_table = "rail_file"
        managed = False

    def __str__(self) -> str:
        return self.name


class RailFilePayout(models.Model):
    """A payout in a file; in at most one that is live."""

    pk = models.CompositePrimaryKey("file_id", "payout_id")
    file = models.ForeignKey(RailFile, on_delete=models.PROTECT, related_name="lines", db_constraint=False)
    payout = models.ForeignKey(
        "billing.Payout", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    live = models.BooleanField()

    class Meta:
        db_table = "rail_file_payout"
        managed = False

    def __str__(self) -> str:
        return f"#{self.file_id} {self.payout_id}"


class RailAnswer(models.Model):
    """What came back for a file, as it came."""

    file = models.ForeignKey(RailFile, on_delete=models.PROTECT, related_name="answers")
    sha256 = models.TextField()
    content = models.BinaryField()
    received_by = models.UUIDField(null=True)
    received_at = models.DateTimeField()

    class Meta:
        db_table = "rail_answer"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.sha256}"


class ChainAddress(models.Model):
    """An address of ours on chain, and whose deposits go there."""

    address = models.TextField(unique=True)
    organization = models.OneToOneField(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )
    added_at = models.DateTimeField()
    assigned_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "chain_address"
        managed = False
        verbose_name_plural = "chain addresses"

    def __str__(self) -> str:
        return self.address


class ChainDeposit(models.Model):
    """A transfer of USDC to one of our addresses, known by (chain, transaction, index of its log)."""

    class State(models.TextChoices):
        """Credited once, when it is deep enough; ORPHANED while it is in no block."""

        SEEN = "SEEN", "Waiting for confirmations"
        CREDITED = "CREDITED", "Credited"
        ORPHANED = "ORPHANED", "Not on the chain any more"

    chain_id = models.BigIntegerField()
    tx_hash = models.TextField()
    log_index = models.IntegerField()
    block_number = models.BigIntegerField()
    block_hash = models.TextField()
    sender = models.TextField()
    recipient = models.TextField()
    amount = models.DecimalField(max_digits=38, decimal_places=9)
    state = models.TextField(choices=State.choices)
    seen_at = models.DateTimeField()
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )
    entry = models.OneToOneField("billing.Entry", on_delete=models.PROTECT, related_name="+", null=True)
    credited_at = models.DateTimeField(null=True)
    approval = models.ForeignKey("billing.Approval", on_delete=models.PROTECT, related_name="+", null=True)
    assigned_entry = models.OneToOneField(
        "billing.Entry", on_delete=models.PROTECT, related_name="+", null=True
    )
    assigned_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "chain_deposit"
        managed = False

    def __str__(self) -> str:
        return f"{self.tx_hash}/{self.log_index}"


class ChainCursor(models.Model):
    """Up to which block a chain was read."""

    chain_id = models.BigIntegerField(primary_key=True)
    read_to = models.BigIntegerField()
    read_at = models.DateTimeField()

    class Meta:
        db_table = "chain_cursor"
        managed = False

    def __str__(self) -> str:
        return f"{self.chain_id}: {self.read_to}"

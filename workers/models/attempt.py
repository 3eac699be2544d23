"""What nodes did: attempts, usage records, receipts, flags. Facts, no money; none of them is ever changed."""

from django.db import models


class Attempt(models.Model):
    """One try of a job on one offer; numbered and fenced, with a lease on the database's clock."""

    class State(models.TextChoices):
        """Only RUNNING ever changes."""

        RUNNING = "RUNNING"
        FENCED = "FENCED"
        FAILED = "FAILED"
        RECORDED = "RECORDED"

    uid = models.UUIDField(unique=True)
    job = models.ForeignKey("marketplace.Job", on_delete=models.PROTECT, related_name="attempts")
    number = models.SmallIntegerField()
    offer = models.ForeignKey("marketplace.Offer", on_delete=models.PROTECT, related_name="+")
    card = models.ForeignKey("marketplace.PriceCard", on_delete=models.PROTECT, related_name="+")
    node = models.ForeignKey("workers.Node", on_delete=models.PROTECT, related_name="attempts")
    state = models.TextField(choices=State.choices)
    lease_until = models.DateTimeField()
    delivered_in = models.BigIntegerField()
    delivered_out = models.BigIntegerField()
    renewed_at = models.DateTimeField(null=True)
    receipt_uid = models.UUIDField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    error_code = models.TextField(null=True)

    class Meta:
        db_table = "attempt"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} attempt {self.number} of job {self.job_id}"


class UsageRecord(models.Model):
    """What an attempt consumed: our count, the claim, what is billed, chip-seconds, joules, grams."""

    pk = models.CompositePrimaryKey("attempt_id", "seq")
    id = models.BigIntegerField()
    attempt = models.ForeignKey(
        Attempt, on_delete=models.PROTECT, related_name="usage_records", db_constraint=False
    )
    seq = models.SmallIntegerField()
    ours_in = models.BigIntegerField()
    ours_cached = models.BigIntegerField()
    ours_out = models.BigIntegerField()
    claim_in = models.BigIntegerField(null=True)
    claim_cached = models.BigIntegerField(null=True)
    claim_out = models.BigIntegerField(null=True)
    billed_in = models.BigIntegerField()
    billed_cached = models.BigIntegerField()
    billed_out = models.BigIntegerField()
    count_method = models.TextField()
    chip_seconds = models.DecimalField(max_digits=20, decimal_places=6)
    joules = models.DecimalField(max_digits=20, decimal_places=3)
    tier = models.TextField()
    attribution = models.TextField()
    kwh = models.DecimalField(max_digits=20, decimal_places=12)
    gco2e = models.DecimalField(max_digits=20, decimal_places=9)
    ended_how = models.TextField()
    recorded_at = models.DateTimeField()
    factors = models.ForeignKey(
        "marketplace.SiteFactors",
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="+",
        db_constraint=False,
    )
    """What its energy was reckoned with; none of records of before there were factors."""

    class Meta:
        db_table = "usage_record"
        managed = False

    def __str__(self) -> str:
        return f"#{self.id} usage of attempt {self.attempt_id}"


class UsageEnergy(models.Model):
    """
    A usage record's energy by parts, grams by both accounts, and heat, as a view reckons them from the record
    and the factors that it names (workers/sql/energy.sql).
    """

    usage_id = models.BigIntegerField(primary_key=True)
    attempt = models.ForeignKey(Attempt, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    seq = models.SmallIntegerField()
    joules = models.DecimalField(max_digits=20, decimal_places=3)
    kwh = models.DecimalField(max_digits=20, decimal_places=12)
    it_kwh = models.DecimalField(max_digits=20, decimal_places=12)
    cooling_kwh = models.DecimalField(max_digits=20, decimal_places=12)
    loss_kwh = models.DecimalField(max_digits=20, decimal_places=12)
    heat_kwh = models.DecimalField(max_digits=20, decimal_places=12)
    gco2e = models.DecimalField(max_digits=20, decimal_places=9)
    market_gco2e = models.DecimalField(max_digits=20, decimal_places=9, null=True)
    market_kwh = models.DecimalField(max_digits=20, decimal_places=12)
    intensity = models.DecimalField(max_digits=20, decimal_places=9)
    market_intensity = models.DecimalField(max_digits=20, decimal_places=9, null=True)

    class Meta:
        db_table = "usage_energy"
        managed = False

    def __str__(self) -> str:
        return f"#{self.usage_id} energy of attempt {self.attempt_id}"


class Receipt(models.Model):
    """The agent's own signed statement of an attempt; `body` is the raw bytes that were signed."""

    attempt_uid = models.UUIDField(unique=True)
    node = models.ForeignKey(
        "workers.Node", on_delete=models.PROTECT, related_name="receipts", db_constraint=False
    )
    body = models.BinaryField()
    signature = models.BinaryField()
    key_id = models.TextField()
    previous_hash = models.BinaryField(null=True)
    nonce = models.BinaryField()
    claim_in = models.BigIntegerField(null=True)
    claim_cached = models.BigIntegerField(null=True)
    claim_out = models.BigIntegerField(null=True)
    joules = models.DecimalField(max_digits=20, decimal_places=3)
    tier = models.TextField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        db_table = "receipt"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} receipt of attempt {self.attempt_uid}"


class ReceiptComparison(models.Model):
    """A receipt that was compared with our record."""

    receipt = models.OneToOneField(
        Receipt, on_delete=models.PROTECT, primary_key=True, related_name="comparison"
    )
    compared_at = models.DateTimeField()

    class Meta:
        db_table = "receipt_comparison"
        managed = False

    def __str__(self) -> str:
        return f"#{self.receipt_id} compared"


class MeterFlag(models.Model):
    """Something odd about how an attempt was metered, for people to look at."""

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="flags", db_constraint=False)
    kind = models.TextField()
    details = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "meter_flag"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind} of attempt {self.attempt_id}"


class NodeEvent(models.Model):
    """Something that happened to a node's connection: a second agent with its token, a refused receipt."""

    node = models.ForeignKey(
        "workers.Node", on_delete=models.PROTECT, related_name="events", db_constraint=False
    )
    kind = models.TextField()
    details = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "node_event"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind} at node {self.node_id}"

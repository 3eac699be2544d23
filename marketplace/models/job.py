"""What buyers want done."""

from django.db import models


class Job(models.Model):
    """One thing a buyer wants done. Made by SQL and written only by admission and metering (workers/sql)."""

    class Kind(models.TextChoices):
        """Whether the buyer waits for it on an open connection."""

        ONLINE = "ONLINE"
        DEFERRED = "DEFERRED"

    class State(models.TextChoices):
        """A finished job stays finished."""

        QUEUED = "QUEUED"
        RUNNING = "RUNNING"
        SUCCEEDED = "SUCCEEDED"
        FAILED = "FAILED"
        CANCELLED = "CANCELLED"

    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    api_key = models.ForeignKey(
        "accounts.ApiKey", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    kind = models.TextField(choices=Kind.choices)
    state = models.TextField(choices=State.choices)
    model = models.ForeignKey(
        "marketplace.Model", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    offer = models.ForeignKey(
        "marketplace.Offer", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )
    card = models.ForeignKey(
        "marketplace.PriceCard", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )
    hold = models.ForeignKey(
        "billing.Hold", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )
    in_bound = models.BigIntegerField()
    out_bound = models.BigIntegerField()
    billable_attempt_id = models.BigIntegerField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    error_code = models.TextField(null=True)
    matched = models.JSONField(null=True)
    """Who was chosen, and every other candidate with the one reason against it."""
    request_blob = models.TextField(null=True)
    answer_blob = models.TextField(null=True)
    submitted_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "job"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind} job {self.uid}"

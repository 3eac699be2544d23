"""Where providers want to be paid."""

from django.db import models


class PayoutMethod(models.Model):
    """
    One account of a provider on one rail. Another account is another row.

    `details` are encrypted; `hint` shows people which account it is, `fingerprint` tells the same one again.
    """

    class State(models.TextChoices):
        """Only READY ones are paid, and those not before `payable_from`."""

        PENDING = "PENDING", "Being checked"
        READY = "READY", "Ready"
        BLOCKED = "BLOCKED", "Blocked"
        RETIRED = "RETIRED", "Removed"

    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    rail = models.TextField()
    currency = models.TextField()
    country = models.TextField()
    details = models.BinaryField()
    key_id = models.TextField()
    fingerprint = models.TextField()
    hint = models.TextField()
    rank = models.IntegerField()
    state = models.TextField(choices=State.choices)
    reason = models.TextField()
    added_by = models.UUIDField(null=True)
    added_at = models.DateTimeField()
    payable_from = models.DateTimeField()
    verified_at = models.DateTimeField(null=True)
    verified_by = models.UUIDField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "payout_method"
        managed = False

    def __str__(self) -> str:
        return f"{self.rail} {self.currency} {self.hint}"

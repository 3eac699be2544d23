"""Periods of the books that are closed."""

from django.db import models


class AccountingPeriod(models.Model):
    """
    A closed period: what is booked in it never changes again.

    `last_seq` and `chain` are the ledger's head when it was closed, `sha256` is of its closing balances.
    """

    uid = models.UUIDField(unique=True)
    starts_on = models.DateField()
    ends_on = models.DateField()
    last_seq = models.BigIntegerField()
    chain = models.BinaryField()
    sha256 = models.TextField()
    approval = models.OneToOneField("billing.Approval", on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField()

    class Meta:
        db_table = "accounting_period"
        managed = False

    def __str__(self) -> str:
        return f"{self.starts_on} to {self.ends_on}"

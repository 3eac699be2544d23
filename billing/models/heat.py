"""What metered heat costs, and the entry that took it."""

from django.db import models


class HeatCharge(models.Model):
    """
    A charge of metered heat: due while it has no entry, because the wallet has not enough.

    The buyer pays `amount`, the provider gets `amount - fee`; where a correction gives back they are
    negative.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.TextField(unique=True)
    wallet = models.ForeignKey(
        "billing.Scope", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    payable = models.ForeignKey(
        "billing.LedgerAccount", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    currency = models.TextField()
    amount = models.DecimalField(max_digits=38, decimal_places=9)
    fee = models.DecimalField(max_digits=38, decimal_places=9)
    reason = models.TextField()
    due_at = models.DateTimeField()
    entry = models.OneToOneField(
        "billing.Entry", on_delete=models.PROTECT, related_name="heat_charge", null=True, db_constraint=False
    )

    class Meta:
        db_table = "heat_charge"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.amount} {self.currency}"

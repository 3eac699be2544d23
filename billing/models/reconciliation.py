"""What the books and others said of the same money, day after day."""

from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _


def _amount() -> "models.DecimalField[Decimal, Decimal]":
    return models.DecimalField(max_digits=38, decimal_places=9)


class ReconciliationRun(models.Model):
    """Every equation at one moment."""

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    made_at = models.DateTimeField()
    made_by = models.TextField()

    class Meta:
        db_table = "reconciliation_run"
        managed = False

    def __str__(self) -> str:
        return f"{self.made_at:%Y-%m-%d %H:%M}"


class ReconciliationLine(models.Model):
    """One equation of one currency; `theirs` is None where nobody else says anything."""

    class State(models.TextChoices):
        """HOLDS and BROKEN are of what must not exceed the other side."""

        EQUAL = "EQUAL", _("equal")
        DIFFERENT = "DIFFERENT", _("different")
        HOLDS = "HOLDS", _("holds")
        BROKEN = "BROKEN", _("broken")
        NO_SOURCE = "NO_SOURCE", _("no source")

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(
        ReconciliationRun, on_delete=models.PROTECT, related_name="lines", db_constraint=False
    )
    currency = models.TextField()
    equation = models.TextField()
    ours = _amount()
    theirs = models.DecimalField(max_digits=38, decimal_places=9, null=True)
    state = models.TextField(choices=State.choices)
    detail = models.JSONField()

    class Meta:
        db_table = "reconciliation_line"
        managed = False

    def __str__(self) -> str:
        return f"{self.currency} {self.equation} {self.state}"

    @property
    def difference(self) -> Decimal | None:
        """Ours less theirs."""
        return None if self.theirs is None else self.ours - self.theirs


class ReconciliationNote(models.Model):
    """Why two sides differ by exactly `difference`."""

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    currency = models.TextField()
    equation = models.TextField()
    difference = _amount()
    reason = models.TextField()
    noted_by = models.UUIDField()
    noted_at = models.DateTimeField()

    class Meta:
        db_table = "reconciliation_note"
        managed = False

    def __str__(self) -> str:
        return f"{self.currency} {self.equation} {self.difference.normalize():f}"

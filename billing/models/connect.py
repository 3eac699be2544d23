"""Providers' accounts at Stripe, and transfers to them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class ConnectAccount(models.Model):
    """A provider's account at Stripe, as it was told last; `missing` is what Stripe asks for."""

    class State(models.TextChoices):
        """ASKED: Stripe has not answered yet. Only READY ones are paid."""

        ASKED = "ASKED", "Being made"
        ONBOARDING = "ONBOARDING", "To be filled in"
        LACKING = "LACKING", "Something is missing"
        CHECKING = "CHECKING", "Being checked"
        READY = "READY", "Ready"
        REJECTED = "REJECTED", "Rejected"

    organization = models.OneToOneField(
        "accounts.Organization",
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="+",
        db_constraint=False,
    )
    country = models.TextField()
    account_id = models.TextField(unique=True, null=True)
    state = models.TextField(choices=State.choices, default=State.ASKED)
    missing = ArrayField(models.TextField(), default=list)
    reason = models.TextField(default="")
    asked_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "connect_account"
        managed = False

    def __str__(self) -> str:
        return f"{self.account_id} {self.state}"


class ConnectTransfer(models.Model):
    """
    The transfer of a payout to a provider's account, then from there to its bank.

    MADE: it is in the account. LEFT: on its way to the bank. FAILED: the bank did not take it; it is to be
    taken back.
    """

    class State(models.TextChoices):
        """ASKED, then MADE or REFUSED; LEFT, ARRIVED; FAILED, TAKEN_BACK."""

        ASKED = "ASKED"
        REFUSED = "REFUSED"
        MADE = "MADE"
        LEFT = "LEFT"
        ARRIVED = "ARRIVED"
        FAILED = "FAILED"
        TAKEN_BACK = "TAKEN_BACK"

    payout = models.OneToOneField(
        "billing.Payout", on_delete=models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    account_id = models.TextField()
    state = models.TextField(choices=State.choices, default=State.ASKED)
    asked_at = models.DateTimeField()
    transfer_id = models.TextField(unique=True, null=True)
    bank_payout_id = models.TextField(unique=True, null=True)
    reversal_id = models.TextField(unique=True, null=True)
    reason = models.TextField(default="")

    class Meta:
        db_table = "connect_transfer"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.state}"

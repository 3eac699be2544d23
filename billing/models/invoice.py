"""Invoices, what they are made out by, and the taxes they bear."""

import json
from decimal import Decimal
from typing import Any

from django.db import models

from billing.statements.periods import Period
from core.quantities import EXACT


class SellerProfile(models.Model):
    """What invoices of a booking entity say of it; without a row it issues none."""

    entity = models.OneToOneField(
        "billing.BookingEntity",
        on_delete=models.PROTECT,
        primary_key=True,
        db_column="entity",
        related_name="seller",
    )
    name = models.TextField()
    address = models.TextField()
    tax_id = models.TextField(blank=True, default="")
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "seller_profile"
        managed = False

    def __str__(self) -> str:
        return f"{self.entity_id} {self.name}"


class BillingProfile(models.Model):
    """To whom the invoices of an organization are made out, and in which language."""

    organization = models.OneToOneField(
        "accounts.Organization", on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    name = models.TextField()
    address = models.TextField()
    country = models.TextField()
    tax_id_kind = models.TextField(blank=True, default="")
    tax_id = models.TextField(blank=True, default="")
    language = models.TextField(default="en")
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "billing_profile"
        managed = False

    def __str__(self) -> str:
        return f"#{self.organization_id} {self.name}"


class TaxRule(models.Model):
    """
    Which tax sales of one country bear: `rate` is a share of one.

    No buyer's country: for all that have no rule of their own; `buyer_has_tax_id` likewise.
    """

    seller_country = models.TextField()
    buyer_country = models.TextField(null=True, blank=True)
    buyer_has_tax_id = models.BooleanField(null=True, blank=True)
    rate = models.DecimalField(max_digits=9, decimal_places=6)
    label = models.TextField()
    label_zh = models.TextField(blank=True, default="")
    note = models.TextField(blank=True, default="")
    note_zh = models.TextField(blank=True, default="")
    reverse_charge = models.BooleanField(default=False)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True)
    """The first day on which it holds no longer."""

    class Meta:
        db_table = "tax_rule"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.label}"


class Invoice(models.Model):
    """
    An invoice, or a credit note, whose amounts are negative; never changed.

    `net` is what the wallet lost, with nine places; `net_shown` the same in the places that the currency is
    paid in. `content` is JSON: parties, lines and taxes as they are printed.

    `series` is 0 for those that the platform issues as seller. For those that it issues in the name of a
    provider it is the provider's number: `net` is then what the provider got, and `payout` what paid it.
    """

    class Kind(models.TextChoices):
        """What it is."""

        INVOICE = "INVOICE", "Invoice"
        CREDIT_NOTE = "CREDIT_NOTE", "Credit note"

    uid = models.UUIDField(unique=True)
    number = models.TextField(unique=True)
    kind = models.TextField(choices=Kind.choices)
    entity = models.TextField()
    year = models.IntegerField()
    seq = models.IntegerField()
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey("billing.LedgerAccount", on_delete=models.PROTECT, related_name="+")
    currency = models.TextField()
    since = models.DateField()
    until = models.DateField()
    """The day after the last."""
    issued_on = models.DateField()
    issued_at = models.DateTimeField()
    corrects = models.OneToOneField(
        "self", on_delete=models.PROTECT, related_name="corrected_by", null=True, db_column="corrects"
    )
    reason = models.TextField()
    net = models.DecimalField(max_digits=38, decimal_places=9)
    net_shown = models.DecimalField(max_digits=38, decimal_places=9)
    tax = models.DecimalField(max_digits=38, decimal_places=9)
    content = models.TextField()
    sha256 = models.TextField()
    series = models.BigIntegerField(default=0)
    payout = models.ForeignKey("billing.Payout", on_delete=models.PROTECT, related_name="bills", null=True)
    agreement = models.ForeignKey(
        "billing.SelfBillingAgreement", on_delete=models.PROTECT, related_name="bills", null=True
    )

    class Meta:
        db_table = "invoice"
        managed = False

    def __str__(self) -> str:
        return self.number

    @property
    def facts(self) -> dict[str, Any]:
        """Its content, read."""
        found: dict[str, Any] = json.loads(self.content)
        return found

    @property
    def period(self) -> Period:
        """The days that it speaks of."""
        return Period(self.since, self.until)

    @property
    def total(self) -> Decimal:
        """What is shown with its tax."""
        return EXACT.add(self.net_shown, self.tax)


class SelfBillingAgreement(models.Model):
    """
    That a provider lets the platform issue its invoices to the platform: by whom, when, and to which words.

    It holds for payouts that are planned while it stands.
    """

    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    version = models.TextField()
    sha256 = models.TextField()
    agreed_by = models.UUIDField()
    agreed_at = models.DateTimeField()
    ended_by = models.UUIDField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "self_billing_agreement"
        managed = False

    def __str__(self) -> str:
        return f"#{self.organization_id} {self.version}"


class InvoiceTax(models.Model):
    """Tax of an invoice: due while it has no entry, because the wallet has not enough."""

    invoice = models.OneToOneField(
        Invoice, on_delete=models.PROTECT, primary_key=True, related_name="tax_due"
    )
    account = models.ForeignKey("billing.LedgerAccount", on_delete=models.PROTECT, related_name="+")
    amount = models.DecimalField(max_digits=38, decimal_places=9)
    void = models.BooleanField(default=False)
    entry = models.OneToOneField(
        "billing.Entry", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )

    class Meta:
        db_table = "invoice_tax"
        managed = False
        verbose_name_plural = "invoice taxes"

    def __str__(self) -> str:
        return f"#{self.invoice_id} {self.amount}"

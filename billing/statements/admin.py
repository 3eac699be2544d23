"""For operators: invoices, taxes that are due, who sells, to whom, and by which tax rules."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import audit
from accounts.audit import Actor
from accounts.models import User
from billing.links import BooksAdmin, link, table
from billing.models import BillingProfile, Invoice, InvoiceTax, SellerProfile, TaxRule
from billing.statements import files, profiles
from core.admin import PlainAdmin


@admin.register(Invoice)
class InvoiceAdmin(BooksAdmin):
    """Invoices and credit notes, with their lines and PDF; issued by REST and each month by a task."""

    list_display = ("number", "kind", "organization", "currency", "net", "tax", "issued_on")
    list_filter = ("kind", "entity", "currency", "year")
    list_select_related = ("organization",)
    search_fields = ("number", "uid", "organization__name")
    exclude = ("content",)
    readonly_fields = ("lines", "taxes", "pdf")

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the PDF."""
        view = self.admin_site.admin_view
        return [
            path("<int:number>/pdf/", view(self.show_pdf), name="billing_invoice_pdf"),
            *super().get_urls(),
        ]

    def show_pdf(self, request: HttpRequest, number: int) -> HttpResponse:
        """As it is printed."""
        invoice = self.get_object(request, str(number))
        if invoice is None or not self.has_view_permission(request, invoice):
            return HttpResponse(status=404)
        return files.answer_invoice_pdf(invoice=invoice)

    @admin.display(description="lines")
    def lines(self, invoice: Invoice) -> SafeString:
        """By kind, model and site, exactly and as they are printed."""
        names = ("kind", "model", "site", "country", "charges", "exact", "shown")
        return table(names, ([line[name] for name in names] for line in invoice.facts["lines"]))

    @admin.display(description="taxes")
    def taxes(self, invoice: Invoice) -> SafeString:
        """And the entry that took them."""
        names = ("label", "rate", "amount", "reverse_charge")
        listed = table(names, ([tax[name] for name in names] for tax in invoice.facts["taxes"]))
        due = InvoiceTax.objects.filter(pk=invoice.pk).first()
        return format_html("{} {}", listed, link("billing_entry", due.entry_id) if due else "")

    @admin.display(description="as a file")
    def pdf(self, invoice: Invoice) -> SafeString:
        """Where it is."""
        return link("admin:billing_invoice_pdf", invoice.pk, "PDF")


@admin.register(InvoiceTax)
class InvoiceTaxAdmin(BooksAdmin):
    """Taxes of invoices: due while they have no entry, because the wallet has not enough."""

    list_display = ("invoice", "amount", "void", "entry")
    list_filter = (("entry", admin.EmptyFieldListFilter), "void")
    list_select_related = ("invoice", "entry")
    id_fields = ("entry_id",)
    search_fields = ("invoice__number",)
    ordering = ("-invoice",)


@admin.register(BillingProfile)
class BillingProfileAdmin(BooksAdmin):
    """To whom invoices are made out, as organizations said it."""

    list_display = ("organization", "name", "country", "number", "language")
    list_select_related = ("organization",)
    id_fields = ("organization_id",)
    search_fields = ("name",)
    ordering = ("-organization",)
    exclude = ("tax_id",)
    readonly_fields = ("number",)

    @admin.display(description="tax number")
    def number(self, profile: BillingProfile) -> str:
        """Its end."""
        return profiles.show_tax_id(profile)


class Kept(PlainAdmin):
    """What operators write, with their names in the audit trail; nothing is removed."""

    moments: ClassVar[list[str]] = []
    """Columns that say when it was written."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write it and who did."""
        assert isinstance(request.user, User)  # noqa: S101 - the admin lets in nobody else
        now = timezone.now()
        for name in self.moments:
            setattr(obj, name, now)
        # What may not change is not written either: the application has no right to.
        obj.save(update_fields=form.changed_data + self.moments if change else None)
        audit.record_event(
            actor=Actor.from_user(request.user),
            action=f"{obj._meta.db_table}.{'change' if change else 'add'}",
            subject_kind=obj._meta.db_table,
            subject_uid=None,
            organization=None,
            now=now,
            details={name: str(value) for name, value in form.cleaned_data.items()},
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


@admin.register(SellerProfile)
class SellerProfileAdmin(Kept):
    """What invoices of a booking entity say of it."""

    list_display = ("entity", "name", "tax_id", "changed_at")
    exclude = ("changed_at",)
    moments: ClassVar[list[str]] = ["changed_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Whose it is stays."""
        return ("entity",) if obj else ()


@admin.register(TaxRule)
class TaxRuleAdmin(Kept):
    """Which taxes sales bear; a rule is ended, never changed, and another written."""

    list_display = (
        *("seller_country", "buyer_country", "buyer_has_tax_id", "rate", "label"),
        *("reverse_charge", "valid_from", "valid_until"),
    )
    list_filter = ("seller_country", "buyer_country")
    ordering = ("seller_country", "buyer_country", "id")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Only its end."""
        names = tuple(field.name for field in TaxRule._meta.fields if field.name not in ("id", "valid_until"))
        return names if obj else ()

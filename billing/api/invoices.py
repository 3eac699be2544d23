"""Invoices and credit notes of an organization, to whom they are made out, and for operators all of them."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import AmountField
from accounts.api.filters import Choice, Filters, Uid, Word, apply_filters
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from accounts.models import Organization
from billing.api.statements import LANGUAGE
from billing.models import BillingProfile, Invoice
from billing.self_billing import bills
from billing.statements import files, invoices, profiles
from billing.statements.profiles import LANGUAGES, Described
from billing.statements.tax_ids import KINDS


class InvoiceFilters(Filters):
    """What invoices can be narrowed by."""

    kind = Choice(Invoice.Kind.values)
    currency = Word()


class OperatorInvoiceFilters(InvoiceFilters):
    """The same, and by whose they are."""

    organization = Uid(field_name="organization__uid")


class InvoiceAnswer(serializers.Serializer[Any]):
    """An invoice or a credit note, whose amounts are negative."""

    uid = serializers.UUIDField()
    number = serializers.CharField()
    kind = serializers.ChoiceField(choices=Invoice.Kind.choices)
    organization = serializers.UUIDField(source="organization.uid")
    currency = serializers.CharField()
    since = serializers.DateField()
    until = serializers.DateField(help_text="The day after the last.")
    issued_on = serializers.DateField()
    corrects = serializers.CharField(
        source="corrects.number", allow_null=True, default=None, help_text="The invoice that it undoes."
    )
    reason = serializers.CharField()
    net = AmountField(minimum=None, help_text="With all nine places, as the wallet was charged.")
    net_shown = AmountField(minimum=None, help_text="In the places that the currency is paid in.")
    tax = AmountField(minimum=None)
    total = AmountField(minimum=None, help_text="What is shown, with its tax.")
    sha256 = serializers.CharField(help_text="Of the number, a line feed, and the content.")


class InvoiceDetailAnswer(InvoiceAnswer):
    """The same with its content."""

    content = serializers.JSONField(source="facts", help_text="Parties, lines and taxes.")


class BillingProfileRequest(serializers.Serializer[Any]):
    """To whom invoices are made out."""

    name = serializers.CharField(max_length=profiles.NAME_MAX)
    address = serializers.CharField(max_length=profiles.ADDRESS_MAX)
    country = serializers.RegexField(r"^[A-Za-z]{2}$", help_text="ISO 3166-1 alpha-2")
    tax_id_kind = serializers.ChoiceField(choices=list(KINDS), allow_blank=True, default="")
    tax_id = serializers.CharField(max_length=40, allow_blank=True, default="")
    language = serializers.ChoiceField(choices=LANGUAGES, default="en")


class BillingProfileAnswer(serializers.Serializer[Any]):
    """To whom invoices are made out; name and country of the organization if nothing was said."""

    name = serializers.CharField()
    address = serializers.CharField()
    country = serializers.CharField()
    tax_id_kind = serializers.CharField()
    tax_id = serializers.CharField()
    language = serializers.CharField()


class InvoiceRequest(serializers.Serializer[Any]):
    """What is invoiced."""

    organization = serializers.UUIDField()
    currency = serializers.RegexField(r"^[A-Z]{3,5}$")
    until = serializers.DateField(help_text="Everything that was booked before this day (of UTC).")


class IssuedInvoicesAnswer(serializers.Serializer[Any]):
    """What was issued: an invoice, a credit note, or both."""

    results = InvoiceAnswer(many=True)


class CreditNoteRequest(serializers.Serializer[Any]):
    """Why an invoice is undone."""

    reason = serializers.CharField(max_length=500)


class InvoiceList(OrganizationView):
    """Invoices."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe(
        "invoices_list", "Invoices and credit notes", answer=InvoiceAnswer, paged=True, filters=InvoiceFilters
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        mine = list_invoices().filter(organization=self.caller().organization, series=0)
        return self.show_page(mine, InvoiceAnswer, filters=InvoiceFilters)


class InvoiceDetail(OrganizationView):
    """One of them."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("invoices_read", "An invoice or credit note", answer=InvoiceDetailAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it, with its lines and taxes."""
        found = access.find_owned(list_invoices(), organization=self.caller().organization, uid=uid)
        return Response(InvoiceDetailAnswer(found).data)


class InvoicePdf(OrganizationView):
    """One of them as PDF."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe(
        "invoices_pdf",
        "An invoice or credit note as PDF",
        answer={(200, "application/pdf"): OpenApiTypes.BINARY},
        refusals=(422, 503),
        parameters=(LANGUAGE,),
    )
    def get(self, request: Request, uid: UUID) -> HttpResponse:
        """As it is printed, in its own language or another."""
        apply_filters(Invoice.objects.none(), request=request, kind=None, others=frozenset({"language"}))
        found = access.find_owned(list_invoices(), organization=self.caller().organization, uid=uid)
        return files.answer_invoice_pdf(invoice=found, language=request.query_params.get("language", ""))


class BillingProfileDetail(OrganizationView):
    """To whom invoices are made out."""

    needs = {"GET": Permission.VIEW_MONEY, "PUT": Permission.MANAGE_MONEY}

    @describe("billing_profile_read", "To whom invoices are made out", answer=BillingProfileAnswer)
    def get(self, request: Request) -> Response:
        """What was said, or what is known."""
        return self._answer(profiles.find_profile(organization=self.caller().organization))

    @describe(
        "billing_profile_change",
        "Say to whom invoices are made out",
        request=BillingProfileRequest,
        answer=BillingProfileAnswer,
    )
    def put(self, request: Request) -> Response:
        """Say it for every invoice from now on; those that were issued stay as they are."""
        wanted, caller = self.read(BillingProfileRequest), self.caller()
        profile = profiles.describe(
            organization=caller.organization,
            described=Described(**wanted),
            actor=caller.actor,
            now=timezone.now(),
        )
        return self._answer(profile)

    @staticmethod
    def _answer(profile: BillingProfile) -> Response:
        told = {name: getattr(profile, name) for name in list(BillingProfileAnswer().fields)}
        return Response(BillingProfileAnswer(told | {"tax_id": profiles.open_tax_id(profile)}).data)


class OperatorInvoiceList(OperatorView):
    """Everybody's invoices."""

    rights = {"GET": "billing.view_invoice", "POST": "billing.add_invoice"}

    @describe(
        "operator_invoices_list",
        "Everybody's invoices",
        answer=InvoiceAnswer,
        paged=True,
        filters=OperatorInvoiceFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(list_invoices(), InvoiceAnswer, filters=OperatorInvoiceFilters)

    @describe(
        "operator_invoices_issue",
        "Issue an invoice",
        request=InvoiceRequest,
        answer=IssuedInvoicesAnswer,
        status=201,
        refusals=(403, 404),
        organization=False,
    )
    def post(self, request: Request) -> HttpResponse:
        """Invoice what was booked before a day and is in no invoice yet; what was given back is credited."""
        wanted = self.read(InvoiceRequest)
        organization = access.get_or_refuse(Organization.objects.all(), uid=wanted["organization"])

        def issue() -> dict[str, Any]:
            issued = invoices.issue(
                organization=organization,
                currency=wanted["currency"],
                until=wanted["until"],
                actor=self.actor(),
                now=timezone.now(),
            )
            return dict(IssuedInvoicesAnswer({"results": issued}).data)

        return self.create(issue)


class CreditNoteList(OperatorView):
    """The end of an invoice."""

    rights = {"POST": "billing.add_invoice"}

    @describe(
        "operator_invoices_credit",
        "Undo an invoice by a credit note",
        request=CreditNoteRequest,
        answer=InvoiceAnswer,
        status=201,
        refusals=(403, 404),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Undo all of it; what it spoke of may then be invoiced anew. Only tax moves."""
        wanted = self.read(CreditNoteRequest)
        found = access.get_or_refuse(list_invoices(), uid=uid)

        def credit() -> dict[str, Any]:
            undo = bills.credit if found.series else invoices.credit
            note = undo(invoice=found, reason=wanted["reason"], actor=self.actor(), now=timezone.now())
            return dict(InvoiceAnswer(note).data)

        return self.create(credit)


def list_invoices() -> Any:
    """All of them, with what is shown of others."""
    return Invoice.objects.select_related("organization", "corrects")

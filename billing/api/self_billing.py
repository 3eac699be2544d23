"""For providers: whether we issue their invoices, and those that were issued."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.filters import Choice, Filters, Uid, Word, apply_filters
from accounts.api.schema import describe
from billing.api.invoices import InvoiceAnswer
from billing.api.statements import LANGUAGE
from billing.models import Invoice, SelfBillingAgreement
from billing.self_billing import agreements, texts
from billing.statements.files import choose_language


class AgreementAnswer(serializers.Serializer[Any]):
    """Who agreed to what, and when."""

    uid = serializers.UUIDField()
    version = serializers.CharField()
    sha256 = serializers.CharField(help_text="Of its words in all languages.")
    agreed_by = serializers.UUIDField()
    agreed_at = serializers.DateTimeField()
    ended_by = serializers.UUIDField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class SelfBillingAnswer(serializers.Serializer[Any]):
    """The agreement that stands, and the words that are asked for now."""

    agreement = AgreementAnswer(allow_null=True)
    version = serializers.CharField()
    sha256 = serializers.CharField()
    text = serializers.CharField()


class AgreementRequest(serializers.Serializer[Any]):
    """Yes to one version."""

    version = serializers.CharField(max_length=20, help_text="The one that was read.")


class SelfBillAnswer(InvoiceAnswer):
    """An invoice in the provider's name, or a credit note; `net` is what the provider got."""

    payout = serializers.UUIDField(source="payout.uid", help_text="Whose sales it speaks of.")


class SelfBillFilters(Filters):
    """What they can be narrowed by."""

    kind = Choice(Invoice.Kind.values)
    currency = Word()
    payout = Uid(field_name="payout__uid")


class SelfBillingDetail(OrganizationView):
    """Whether we issue a provider's invoices."""

    needs = {
        "GET": Permission.VIEW_MONEY,
        "PUT": Permission.MANAGE_MONEY,
        "DELETE": Permission.MANAGE_MONEY,
    }

    @describe(
        "self_billing_read", "Self-billing", answer=SelfBillingAnswer, refusals=(422,), parameters=(LANGUAGE,)
    )
    def get(self, request: Request) -> Response:
        """Read what was agreed to, and the words that are asked for now."""
        apply_filters(Invoice.objects.none(), request=request, kind=None, others=frozenset({"language"}))
        standing = agreements.find_agreement(organization=self.caller().organization)
        return self._answer(standing, request.query_params.get("language", ""))

    @describe(
        "self_billing_agree", "Agree to self-billing", request=AgreementRequest, answer=SelfBillingAnswer
    )
    def put(self, request: Request) -> Response:
        """Agree, for payouts that are planned from now on; a billing profile has to be there."""
        wanted, caller = self.read(AgreementRequest), self.caller()
        standing = agreements.agree(
            organization=caller.organization,
            version=wanted["version"],
            actor=caller.actor,
            now=timezone.now(),
        )
        return self._answer(standing)

    @describe("self_billing_end", "End self-billing", answer=SelfBillingAnswer, refusals=(409,))
    def delete(self, request: Request) -> Response:
        """End it, for payouts that are planned from now on; invoices that were issued stay."""
        caller = self.caller()
        agreements.end(organization=caller.organization, actor=caller.actor, now=timezone.now())
        return self._answer(None)

    @staticmethod
    def _answer(standing: SelfBillingAgreement | None, language: str = "") -> Response:
        answer = {
            "agreement": standing,
            "version": texts.CURRENT,
            "sha256": texts.hash_text(version=texts.CURRENT),
            "text": texts.find_text(version=texts.CURRENT, language=choose_language(language)),
        }
        return Response(SelfBillingAnswer(answer).data)


class SelfBillList(OrganizationView):
    """Invoices in the provider's name."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe(
        "self_bills_list",
        "Self-billed invoices and credit notes",
        answer=SelfBillAnswer,
        paged=True,
        filters=SelfBillFilters,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first; `/api/invoices/{uid}` has the lines of each, and its PDF."""
        organization = self.caller().organization
        mine = Invoice.objects.filter(organization=organization, series=organization.pk)
        return self.show_page(
            mine.select_related("organization", "corrects", "payout"), SelfBillAnswer, filters=SelfBillFilters
        )

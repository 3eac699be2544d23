"""Statements of wallets: sums by day and kind, every movement as CSV, the whole as PDF."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import AmountField
from accounts.api.filters import apply_filters
from accounts.api.schema import describe
from billing import wallets
from billing.api.books import CURRENCY
from billing.models import Invoice
from billing.statements import files
from billing.statements.periods import Period, read_period
from billing.statements.profiles import LANGUAGES
from billing.statements.statement import open_statement
from billing.wallets import Wallet

PERIOD = (
    OpenApiParameter("month", {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}, description="A month."),
    OpenApiParameter("since", OpenApiTypes.DATE, description="First day, of UTC; this month's without it."),
    OpenApiParameter("until", OpenApiTypes.DATE, description="The day after the last; tomorrow without it."),
)
LANGUAGE = OpenApiParameter("language", enum=LANGUAGES, description="What it is written in.")


class StatementSumAnswer(serializers.Serializer[Any]):
    """Movements of one kind on one day."""

    day = serializers.DateField()
    kind = serializers.CharField()
    entries = serializers.IntegerField()
    amount = AmountField(minimum=None, help_text="Positive for what came in.")


class PeriodStatementAnswer(serializers.Serializer[Any]):
    """A wallet's statement: opening balance and movements come to the closing balance."""

    currency = serializers.CharField()
    since = serializers.DateField()
    until = serializers.DateField(help_text="The day after the last.")
    opening = AmountField()
    closing = AmountField()
    movements = StatementSumAnswer(many=True)


class StatementView(OrganizationView):
    """A wallet and a period."""

    needs = {"GET": Permission.VIEW_MONEY}
    parameters: tuple[OpenApiParameter, ...] = PERIOD

    def find(self, currency: str) -> tuple[Wallet, Period]:
        """
        What is asked for.

        :raises billing.wallets.NoWallet: if there is no such wallet
        :raises billing.statements.periods.PeriodInvalid: if it is no period
        """
        wallet = wallets.find_wallet(organization_id=self.caller().organization.pk, currency=currency)
        names = frozenset(one.name for one in self.parameters)
        apply_filters(Invoice.objects.none(), request=self.request, kind=None, others=names)
        asked = self.request.query_params
        texts = {name: asked.get(name) for name in ("month", "since", "until")}
        return wallet, read_period(**texts, now=timezone.now())


class StatementDetail(StatementView):
    """A statement."""

    @describe(
        "statements_read",
        "A wallet's statement",
        answer=PeriodStatementAnswer,
        refusals=(404, 422),
        parameters=(CURRENCY, *PERIOD),
    )
    def get(self, request: Request, currency: str) -> Response:
        """Its balances, and its movements by day and kind."""
        wallet, period = self.find(currency)
        with open_statement(wallet=wallet, period=period) as statement:
            answer = {
                "currency": wallet.currency,
                "since": period.since,
                "until": period.until,
                "opening": statement.opening,
                "closing": statement.closing,
                "movements": statement.read_sums(),
            }
        return Response(PeriodStatementAnswer(answer).data)


class StatementCsv(StatementView):
    """A statement as CSV."""

    @describe(
        "statements_csv",
        "Every movement of a statement, as CSV",
        answer={(200, "text/csv"): OpenApiTypes.STR},
        refusals=(404, 422),
        parameters=(CURRENCY, *PERIOD),
    )
    def get(self, request: Request, currency: str) -> HttpResponse:
        """One line each, with the balance after it."""
        wallet, period = self.find(currency)
        return files.answer_statement_csv(wallet=wallet, period=period)


class StatementPdf(StatementView):
    """A statement as PDF."""

    parameters = (*PERIOD, LANGUAGE)

    @describe(
        "statements_pdf",
        "A statement as PDF",
        answer={(200, "application/pdf"): OpenApiTypes.BINARY},
        refusals=(404, 422, 503),
        parameters=(CURRENCY, *PERIOD, LANGUAGE),
    )
    def get(self, request: Request, currency: str) -> HttpResponse:
        """Every movement, or their sums by day and kind where there are more than 2,000."""
        wallet, period = self.find(currency)
        language = request.query_params.get("language", "")
        return files.answer_statement_pdf(wallet=wallet, period=period, language=language)

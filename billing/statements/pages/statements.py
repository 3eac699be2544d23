"""A wallet's statements: which there are, one of them by day and kind, and both of its files."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language

from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from billing import wallets
from billing.statements import files
from billing.statements.periods import Period, PeriodInvalid, list_months, read_period
from billing.statements.statement import Statement, Sum, find_first_day, open_statement
from billing.wallets import Wallet
from core.money import Money
from core.quantities import EXACT

MONTHS_SHOWN = 36


class StatementsPage(OrganizationPage):
    """Every wallet with its months."""

    template_name = "billing/statements/statements.html"
    needs = Permission.VIEW_MONEY
    tab = "wallet"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Months, newest first, from that of the first movement on."""
        now = timezone.now()
        listed = []
        for wallet in wallets.list_wallets(organization_id=self.organization.pk):
            first = find_first_day(wallet=wallet)
            months = list_months(first=first, now=now) if first else []
            listed.append((wallet, months[:MONTHS_SHOWN]))
        return super().get_context_data(listed=listed, **kwargs)


class StatementPart(OrganizationPage):
    """A wallet and a period, as the address has them."""

    needs = Permission.VIEW_MONEY
    tab = "wallet"

    def find(self) -> tuple[Wallet, Period]:
        """
        What is asked for.

        :raises django.http.Http404: if there is no such wallet, or that is no period
        """
        currency, asked = self.kwargs["currency"], self.request.GET
        wallet = wallets.find_wallet(organization_id=self.organization.pk, currency=currency)
        texts = {name: asked.get(name) for name in ("month", "since", "until", "last")}
        try:
            return wallet, read_period(**texts, now=timezone.now())
        except PeriodInvalid as refusal:
            raise Http404 from refusal


class StatementPage(StatementPart):
    """Balances and movements by day and kind; any days may be chosen."""

    template_name = "billing/statements/statement.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The statement."""
        wallet, period = self.find()
        with open_statement(wallet=wallet, period=period) as statement:
            shown = _describe(statement)
        return super().get_context_data(**{**kwargs, **shown, "wallet": wallet, "period": period})


class StatementCsvFile(StatementPart):
    """Every movement."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """As CSV."""
        wallet, period = self.find()
        return files.answer_statement_csv(wallet=wallet, period=period)


class StatementPdfFile(StatementPart):
    """The same to print."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """As PDF, in the language of the page."""
        wallet, period = self.find()
        return files.answer_statement_pdf(wallet=wallet, period=period, language=get_language() or "")


def _describe(statement: Statement) -> dict[str, Any]:
    code = statement.wallet.currency
    return {
        "opening": Money(statement.opening, code),
        "closing": Money(statement.closing, code),
        "sums": list(_list_sums(statement)),
    }


def _list_sums(statement: Statement) -> Iterator[tuple[Sum, Money, Money | None]]:
    """What moved on each day by kind; beside a day's last, what was there when it ended."""
    code, balance = statement.wallet.currency, statement.opening
    for one, following in pairwise([*statement.read_sums(), None]):
        if one is not None:
            balance = EXACT.add(balance, one.amount)
            ends = following is None or following.day != one.day
            yield one, Money(one.amount, code), Money(balance, code) if ends else None

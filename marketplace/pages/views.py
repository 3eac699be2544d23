"""Wallets with their statements."""

from typing import Any

from django.http import Http404
from django.utils import timezone

from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from billing import spending, wallets
from billing.banking import accounts
from billing.banking.accounts import Deposit, NoBankAccount
from billing.wallets import Cursor, InvalidCursor, Wallet
from core import formats
from core.templatetags.looks import read_locale
from marketplace import statements

STATEMENT_ROWS = 25
SPEND_DAYS = 30


class WalletPage(OrganizationPage):
    """Balances in every currency; of one of them spending by day and the statement, page after page."""

    template_name = "marketplace/wallet.html"
    needs = Permission.VIEW_MONEY
    tab = "wallet"

    def get_template_names(self) -> list[str]:
        """A page that only asks for more rows gets those."""
        return ["marketplace/statement_rows.html"] if self._asks_for_rows() else [self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The wallets, and of the chosen one a page of its statement."""
        mine = wallets.list_wallets(organization_id=self.organization.pk)
        chosen = self._choose(mine)
        context: dict[str, Any] = {"wallets": mine, "chosen": chosen}
        if chosen is not None:
            page = statements.read_page(wallet=chosen, after=self._read_cursor(), size=STATEMENT_ROWS)
            context |= {"lines": page.lines, "following": page.next}
            if not self._asks_for_rows():
                context |= self._describe_spending(chosen) | {"deposit": _find_deposit(chosen)}
        return super().get_context_data(**{**kwargs, **context})

    def _asks_for_rows(self) -> bool:
        return bool(self.request.headers.get("HX-Request")) and "cursor" in self.request.GET

    def _choose(self, mine: list[Wallet]) -> Wallet | None:
        wanted = self.kwargs.get("currency")
        if wanted is None:
            return mine[0] if mine else None
        for wallet in mine:
            if wallet.currency == wanted:
                return wallet
        raise Http404

    def _read_cursor(self) -> Cursor | None:
        text = self.request.GET.get("cursor")
        try:
            return Cursor.parse(text) if text else None
        except InvalidCursor as refusal:
            raise Http404 from refusal

    def _describe_spending(self, wallet: Wallet) -> dict[str, Any]:
        locale, zone = read_locale(), timezone.get_current_timezone()
        days = spending.list_days(wallet=wallet, now=timezone.now(), zone=zone, days=SPEND_DAYS)
        texts = [
            f"{formats.show_exactly(spent.amount.amount, wallet.currency, locale=locale)} {wallet.currency}"
            for spent in days
        ]
        chart = {
            "label": wallet.currency,
            "labels": [formats.show_short_day(spent.day, locale=locale) for spent in days],
            # Only the height of bars; what is read is the text.
            "values": [float(spent.amount.amount) for spent in days],
            "texts": texts,
        }
        total = spending.add_days(days, currency=wallet.currency)
        return {
            "chart": chart,
            "days": [spent for spent in days if spent.amount][::-1],
            "spent": total,
            "energy": statements.read_energy(wallet=wallet),
        }


def _find_deposit(wallet: Wallet) -> Deposit | None:
    """How to pay into it by bank transfer, if we have an account for that."""
    try:
        return accounts.find_deposit(wallet=wallet)
    except NoBankAccount:
        return None

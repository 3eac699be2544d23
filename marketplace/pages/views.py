"""Wallets with their statements."""

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from billing import spending, wallet_opening, wallets
from billing.banking import accounts
from billing.banking.accounts import Deposit, NoBankAccount
from billing.wallets import Cursor, InvalidCursor, Wallet
from core import formats
from core.templatetags.looks import read_locale
from marketplace import statements

STATEMENT_ROWS = 25
SPEND_DAYS = 30


ASIDE = {
    "RESERVE": gettext_lazy("Kept back of fresh payments"),
    "FROZEN": gettext_lazy("Frozen"),
    "REFUND_IN_TRANSIT": gettext_lazy("On its way back to the payer"),
}


class OpeningForm(forms.Form):
    """In which currency another wallet is opened."""

    currency = forms.ChoiceField(label=gettext_lazy("Currency"))

    def __init__(self, *args: Any, codes: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        locale = read_locale()
        choices = [(code, formats.name_currency(code, locale=locale)) for code in codes]
        self.fields["currency"] = forms.ChoiceField(label=_("Currency"), choices=choices)


class WalletPage(OrganizationPage):
    """Balances in every currency; of one of them spending by day and the statement, page after page."""

    template_name = "marketplace/wallet.html"
    needs = Permission.VIEW_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "wallet"

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Open a wallet: whoever pays by bank transfer needs its reference first."""
        form = OpeningForm(request.POST, codes=wallet_opening.list_currencies(now=timezone.now()))
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        opened = wallet_opening.open_wallet(
            organization=self.organization,
            currency=form.cleaned_data["currency"],
            actor=self.actor,
            now=timezone.now(),
        )
        return redirect("wallet-page", self.organization.uid, opened.currency)

    def get_template_names(self) -> list[str]:
        """A page that only asks for more rows gets those."""
        return ["marketplace/statement_rows.html"] if self._asks_for_rows() else [self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The wallets, and of the chosen one a page of its statement."""
        mine = wallets.list_wallets(organization_id=self.organization.pk)
        chosen = self._choose(mine)
        context: dict[str, Any] = {"wallets": mine, "chosen": chosen}
        if Permission.MANAGE_MONEY in self.granted and not self._asks_for_rows():
            held = {wallet.currency for wallet in mine}
            known = wallet_opening.list_currencies(now=timezone.now())
            left = [code for code in known if code not in held]
            context["form"] = kwargs.get("form") or OpeningForm(codes=left)
        if chosen is not None:
            page = statements.read_page(wallet=chosen, after=self._read_cursor(), size=STATEMENT_ROWS)
            context |= {"lines": page.lines, "following": page.next}
            if not self._asks_for_rows():
                context |= self._describe_spending(chosen) | {
                    "deposit": _find_deposit(chosen),
                    "aside": [
                        (ASIDE[purpose], amount)
                        for purpose, amount in wallets.list_aside(
                            organization_id=self.organization.pk, currency=chosen.currency
                        )
                    ],
                }
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
            "days_left": spending.estimate_days_left(available=wallet.available, days=days),
            "low_days": spending.LOW_DAYS,
            "energy": statements.read_energy(wallet=wallet),
        }


def _find_deposit(wallet: Wallet) -> Deposit | None:
    """How to pay into it by bank transfer, if we have an account for that."""
    try:
        return accounts.find_deposit(wallet=wallet)
    except NoBankAccount:
        return None

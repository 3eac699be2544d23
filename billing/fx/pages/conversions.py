"""From one wallet into another: ask for a rate, see what it comes to, take it, and look back at it."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import access
from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from billing import wallets
from billing.explaining import explain
from billing.fx import amounts, conversions, quotes
from billing.fx.pages.forms import GIVE, ConfirmForm, ConvertForm
from billing.fx.rates import list_currencies
from billing.models import FxConversion, FxQuote
from billing.wallets import Wallet
from core import formats
from core.errors import DomainError
from core.money import BPS, TEST_CURRENCY, Money, NotAnAmount
from core.quantities import EXACT, ROUNDING, format_plain, round_half_even
from core.templatetags.looks import read_locale

SHOWN = 50
INVERSE_PLACES = 9


class ConvertPage(OrganizationPage):
    """The form, and everything that was exchanged, newest first."""

    template_name = "billing/fx/convert.html"
    needs = Permission.VIEW_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "wallet"

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Ask for a quote, and show what it comes to."""
        mine = self._list_wallets()
        form = self._make_form(mine, request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        given = form.cleaned_data
        try:
            made = quotes.make_quote(
                sell=given["sell"], buy=given["buy"], organization=self.organization, now=timezone.now()
            )
        except DomainError as refusal:
            form.add_error(None, explain(refusal))
            return self.render_to_response(self.get_context_data(form=form), status=refusal.status)
        asked = {"sell" if given["side"] == GIVE else "buy": format_plain(given["amount"])}
        address = reverse("convert-quote-page", args=[self.organization.uid, made.uid])
        return redirect(f"{address}?{urlencode(asked)}")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The wallets with what may be spent of each, and what was exchanged before."""
        mine = self._list_wallets()
        done = FxConversion.objects.filter(organization=self.organization).select_related("quote")
        may_convert = Permission.MANAGE_MONEY in self.granted
        context = {
            "wallets": mine,
            "form": kwargs.get("form") or (self._make_form(mine) if mine and may_convert else None),
            "rows": [describe_done(one) for one in done.order_by("-id")[:SHOWN]],
        }
        return super().get_context_data(**{**kwargs, **context})

    def _list_wallets(self) -> list[Wallet]:
        mine = wallets.list_wallets(organization_id=self.organization.pk)
        return [one for one in mine if one.currency != TEST_CURRENCY]

    def _make_form(self, mine: list[Wallet], data: Any = None) -> ConvertForm:
        locale = read_locale()
        sells = [(one.currency, formats.name_currency(one.currency, locale=locale)) for one in mine]
        known = list_currencies(now=timezone.now())
        buys = [(code, formats.name_currency(code, locale=locale)) for code in known]
        asked = {
            name: self.request.GET[name] for name in ("sell", "buy", "amount") if name in self.request.GET
        }
        return ConvertForm(data, sells=sells, buys=buys, initial={"side": GIVE, **asked})


class QuotePage(OrganizationPage):
    """A rate that is held for a while, what it comes to, and the button that takes it."""

    template_name = "billing/fx/quote.html"
    needs = Permission.MANAGE_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "wallet"

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Exchange at the rate that was shown."""
        form = ConfirmForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(refusal=form.non_field_errors()), status=422)
        try:
            done = conversions.convert(
                quote=self._find(),
                organization=self.organization,
                **form.cleaned_data,
                actor=self.actor,
                now=timezone.now(),
            )
        except DomainError as refusal:
            context = self.get_context_data(refusal=[explain(refusal)], **form.cleaned_data)
            return self.render_to_response(context, status=refusal.status)
        messages.success(request, _("Exchanged."))
        return redirect("convert-quote-page", self.organization.uid, done.quote.uid)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """
        The quote with both amounts, or the exchange that was made at it.

        :raises Http404: if the amount in the address is none
        """
        quote, now = self._find(), timezone.now()
        done = FxConversion.objects.filter(quote=quote).select_related("quote").first()
        context: dict[str, Any] = {
            **describe_quote(quote),
            "done": describe_done(done) if done else None,
            "is_over": done is None and now >= quote.expires_at,
        }
        if done is None:
            context |= self._reckon(quote, kwargs.get("sell"), kwargs.get("buy"))
        return super().get_context_data(**{**kwargs, **context, "quote": quote})

    def _find(self) -> FxQuote:
        mine = FxQuote.objects.filter(organization=self.organization)
        return access.find_owned(mine, organization=self.organization, uid=self.kwargs["quote"])

    def _reckon(self, quote: FxQuote, sell: Decimal | None, buy: Decimal | None) -> dict[str, Any]:
        if sell is None and buy is None:
            form = ConfirmForm(self.request.GET)
            if not form.is_valid():
                raise Http404
            sell, buy = form.cleaned_data["sell"], form.cleaned_data["buy"]
        try:
            found = amounts.reckon(rate=quote.rate, mid=quote.mid, sell=sell, buy=buy)
            if found is None:
                return {"nothing": True}
            sold = Money(found.sold, quote.base)
        except NotAnAmount as refusal:
            raise Http404 from refusal
        wallet = wallets.find_wallet(organization_id=self.organization.pk, currency=quote.base)
        return {
            "asked": ("sell", format_plain(sell))
            if sell is not None
            else ("buy", format_plain(buy or Decimal(0))),
            "sold": sold,
            "bought": Money(found.bought, quote.quote),
            "spread": Money(found.spread, quote.base),
            "available": wallet.available,
            "lacks": sold > wallet.available,
        }


def describe_quote(quote: FxQuote) -> dict[str, Any]:
    """A rate both ways round, and the spread as a share."""
    return {
        "rate": quote.rate,
        "inverse": round_half_even(ROUNDING.divide(Decimal(1), quote.rate), INVERSE_PLACES),
        "share": EXACT.divide(Decimal(quote.spread_bps), Decimal(BPS)),
    }


def describe_done(row: FxConversion) -> dict[str, Any]:
    """An exchange in amounts."""
    return {
        "row": row,
        "quote": row.quote,
        "sold": Money(row.sold, row.quote.base),
        "bought": Money(row.bought, row.quote.quote),
        "spread": Money(EXACT.subtract(row.sold, row.mid_amount), row.quote.base),
    }

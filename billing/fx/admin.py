"""Operators' pages of exchange: the book of positions, rates and quotes, limits, trades and swap lines."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import User
from billing.fx import history, positions, rates, treasury
from billing.links import BooksAdmin
from billing.models import FxConversion, FxLimit, FxPosition, FxQuote, FxRate, SwapLine
from core.errors import DomainError
from core.money import Money

PLACES: dict[str, Any] = {"max_digits": 38, "decimal_places": 9, "min_value": Decimal(0)}


class DeedForm(forms.Form):
    """Something that the treasury does; `right` is the permission for it."""

    right: ClassVar[str]

    def act(self, values: dict[str, Any], actor: Actor, now: datetime) -> str:
        """
        Do it; gives what to tell the operator.

        :raises core.errors.DomainError: if it is refused
        """
        raise NotImplementedError


class RateForm(DeedForm):
    """A rate entered by hand."""

    right = "billing.add_fxrate"
    unit = forms.CharField(max_length=5, help_text="One of this …")
    rate = forms.DecimalField(max_digits=38, decimal_places=18, help_text="… is worth so many …")
    currency = forms.CharField(max_length=5, help_text="… of this.")
    as_of = forms.DateTimeField(
        required=False, help_text="When it was said (UTC); empty: now. What was open then is worth this."
    )

    def act(self, values: dict[str, Any], actor: Actor, now: datetime) -> str:
        """Note it; of a past moment, too, as what nobody could value then waits for a rate of that time."""
        given = values | {"as_of": values["as_of"] or now}
        noted = rates.enter_rate(**given, actor=actor, now=now)
        return f"Noted: {noted}."


class LimitForm(DeedForm):
    """How long or short of a currency we may be."""

    right = "billing.change_fxlimit"
    currency = forms.CharField(max_length=5)
    amount = forms.DecimalField(**PLACES, required=False, help_text="Empty: no limit.")

    def act(self, values: dict[str, Any], actor: Actor, now: datetime) -> str:
        """Set it."""
        positions.set_limit(**values, actor=actor, now=now)
        return "The limit is set."


class SpreadForm(DeedForm):
    """What is asked beyond the middle rate of a pair."""

    right = "billing.change_fxspread"
    base = forms.CharField(max_length=5, label="paid in")
    quote = forms.CharField(max_length=5, label="priced in")
    spread_bps = forms.IntegerField(
        min_value=0, max_value=treasury.SPREAD_BPS_MAX, required=False, help_text="Empty: the usual one."
    )

    def act(self, values: dict[str, Any], actor: Actor, now: datetime) -> str:
        """Set it."""
        treasury.set_spread(**values, actor=actor, now=now)
        return "The spread is set."


class TradeForm(DeedForm):
    """What a bank exchanged for us."""

    right = "billing.add_entry"
    sold = forms.DecimalField(**PLACES)
    sold_currency = forms.CharField(max_length=5)
    bought = forms.DecimalField(**PLACES)
    bought_currency = forms.CharField(max_length=5)
    reference = forms.CharField(max_length=140, help_text="The bank's; each is booked once.")

    def act(self, values: dict[str, Any], actor: Actor, now: datetime) -> str:
        """Book it."""
        trade = treasury.Trade(
            Money(values["sold"], values["sold_currency"]),
            Money(values["bought"], values["bought_currency"]),
            values["reference"],
        )
        posted = treasury.book_trade(trade=trade, actor=actor, happened_at=now, now=now)
        return f"Booked in entry {posted.entry_id}."


class RevaluationForm(DeedForm):
    """The day whose end is looked at."""

    right = "billing.add_fxrevaluation"
    day = forms.DateField()

    def act(self, values: dict[str, Any], actor: Actor, now: datetime) -> str:
        """Post it on that day and undo it on the next."""
        return f"{positions.revalue(day=values['day'], now=now)} positions are revalued."


class LineForm(DeedForm):
    """What a bank lends."""

    right = "billing.add_swapline"
    counterparty = forms.CharField(max_length=200)
    currency = forms.CharField(max_length=5)
    ceiling = forms.DecimalField(**PLACES)

    def act(self, values: dict[str, Any], actor: Actor, now: datetime) -> str:
        """Note it."""
        ceiling = Money(values["ceiling"], values["currency"])
        treasury.open_line(counterparty=values["counterparty"], ceiling=ceiling, actor=actor, now=now)
        return "The line is open."


class DrawForm(DeedForm):
    """What is drawn from a line, or paid back."""

    right = "billing.change_swapline"
    line = forms.ModelChoiceField(SwapLine.objects.filter(closed_at=None))
    amount = forms.DecimalField(max_digits=38, decimal_places=9, help_text="Less than nothing: paid back.")
    reference = forms.CharField(max_length=140, help_text="The bank's; each is booked once.")

    def act(self, values: dict[str, Any], actor: Actor, now: datetime) -> str:
        """Book it."""
        posted = treasury.move_line(**values, actor=actor, happened_at=now, now=now)
        return f"Booked in entry {posted.entry_id}."


FORMS: dict[str, type[DeedForm]] = {
    "rate": RateForm,
    "trade": TradeForm,
    "limit": LimitForm,
    "spread": SpreadForm,
    "line": LineForm,
    "draw": DrawForm,
    "revaluation": RevaluationForm,
}


@admin.register(FxPosition)
class FxPositionAdmin(BooksAdmin):
    """The FX book: what is held, what it cost and is worth, and what the treasury does."""

    list_display = ("account", "amount", "book_value")
    id_fields = ("account_id",)
    search_fields = ("account__currency",)
    ordering = ("account_id",)
    change_list_template = "admin/billing/fxposition/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the book."""
        page = self.admin_site.admin_view(self.show_book)
        return [path("book/", page, name="billing_fx_book"), *super().get_urls()]

    def show_book(self, request: HttpRequest) -> HttpResponse:
        """
        Positions, limits and swap lines, and a form for each deed that this operator may do.

        :raises PermissionDenied: for staff who may not look at positions
        """
        user = request.user
        if not isinstance(user, User) or not self.has_view_permission(request):
            raise PermissionDenied
        allowed = {name: kind for name, kind in FORMS.items() if user.has_perm(kind.right)}
        chosen = request.POST.get("deed", "")
        shown = {
            name: kind(request.POST if name == chosen else None, prefix=name)
            for name, kind in allowed.items()
        }
        if chosen and chosen not in shown:
            raise PermissionDenied
        if chosen and shown[chosen].is_valid() and self._act(request, shown[chosen], Actor.from_user(user)):
            return HttpResponseRedirect(reverse("admin:billing_fx_book"))
        now = timezone.now()
        exposures = positions.read_exposure(now=now)
        context = {
            **self.admin_site.each_context(request),
            "title": "FX book",
            "exposures": exposures,
            "history": history.read_history(exposures=exposures, now=now),
            "lines": SwapLine.objects.filter(closed_at=None).order_by("counterparty", "id"),
            "deeds": [(name, kind.__doc__, shown[name]) for name, kind in allowed.items()],
        }
        return TemplateResponse(request, "admin/billing/fxposition/book.html", context)

    def _act(self, request: HttpRequest, form: DeedForm, actor: Actor) -> bool:
        try:
            done = form.act(form.cleaned_data, actor, timezone.now())
        except (DomainError, ValueError) as refusal:
            messages.error(request, str(refusal))
            return False
        messages.success(request, done)
        return True


@admin.register(FxRate)
class FxRateAdmin(BooksAdmin):
    """Rates as sources said them."""

    list_display = ("id", "source", "unit", "rate", "currency", "as_of", "noted_by")
    list_filter = ("source", "currency")
    search_fields = ("unit", "currency")


@admin.register(FxQuote)
class FxQuoteAdmin(BooksAdmin):
    """Quotes, an organization's own and those that stood for everybody."""

    list_display = (
        "id",
        "base",
        "quote",
        "rate",
        "mid",
        "spread_bps",
        "made_at",
        "expires_at",
        "organization",
    )
    list_filter = ("base", "quote")
    list_select_related = ("organization",)
    search_fields = ("uid",)


@admin.register(FxConversion)
class FxConversionAdmin(BooksAdmin):
    """What organizations exchanged."""

    list_display = ("id", "organization", "sold", "bought", "mid_amount", "entry", "converted_at")
    list_select_related = ("organization", "entry")
    id_fields = ("id", "entry_id")
    search_fields = ("uid",)


@admin.register(FxLimit)
class FxLimitAdmin(BooksAdmin):
    """Limits of positions; set in the book."""

    list_display = ("currency", "amount")
    id_fields = ()
    search_fields = ("currency",)
    ordering = ("currency",)


@admin.register(SwapLine)
class SwapLineAdmin(BooksAdmin):
    """What banks lend; opened and drawn in the book."""

    list_display = ("id", "counterparty", "currency", "ceiling", "drawn", "opened_at", "closed_at")
    list_filter = ("currency",)
    search_fields = ("counterparty", "uid")

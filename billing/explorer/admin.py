"""The chart of accounts: trial balances of now and of the past, and every account's postings."""

from datetime import UTC, date, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing import ledger, trial_balance
from billing.closing import balances
from billing.explorer import postings
from billing.links import BooksAdmin, link, table
from billing.models import LedgerAccount
from billing.trial_balance import TrialBalance


@admin.register(LedgerAccount)
class LedgerAccountAdmin(BooksAdmin):
    """The chart of accounts, the trial balance, and each account's movements."""

    list_display = ("code", "purpose", "category", "currency", "balance", "closed_at")
    list_filter = ("category", "purpose", "currency")
    list_select_related = ("organization",)
    list_per_page = 50
    search_fields = ("code", "organization__name", "organization__uid")
    readonly_fields = ("balance", "movements")
    change_list_template = "admin/billing/ledgeraccount/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the trial balance and the movements of an account."""
        view = self.admin_site.admin_view
        return [
            path("trial-balance/", view(self.show_trial_balance), name="billing_trial_balance"),
            path(
                "<int:account>/movements/", view(self.show_movements), name="billing_ledgeraccount_movements"
            ),
            *super().get_urls(),
        ]

    def show_trial_balance(self, request: HttpRequest) -> HttpResponse:
        """
        Every account's balance, in columns that come to the same: now, at a moment, or at the end of a day.

        :raises PermissionDenied: for staff who may not look at accounts
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Trial balance",
            "balances": _read_balances(request),
            "at": request.GET.get("at", ""),
            "day": request.GET.get("day", ""),
        }
        return TemplateResponse(request, "admin/billing/trial_balance.html", context)

    def show_movements(self, request: HttpRequest, account: int) -> HttpResponse:
        """
        An account's postings with its balance after each, newest first.

        :raises PermissionDenied: for staff who may not look at accounts
        :raises Http404: if there is no such account
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = LedgerAccount.objects.filter(pk=account).first()
        if found is None:
            raise Http404
        movements = postings.list_movements(account=found, before=_read_cursor(request))
        context = {
            **self.admin_site.each_context(request),
            "title": found.code,
            "account": found,
            "movements": movements,
            "next": movements[-1] if len(movements) == postings.PAGE else None,
        }
        return TemplateResponse(request, "admin/billing/ledgeraccount/movements.html", context)

    @admin.display(description="balance")
    def balance(self, account: LedgerAccount) -> str:
        """In its usual sense."""
        return f"{ledger.balance(account_id=account.pk):f}"

    @admin.display(description="movements")
    def movements(self, account: LedgerAccount) -> SafeString:
        """The newest postings with the balance after each, and where all of them are."""
        address = reverse("admin:billing_ledgeraccount_movements", args=[account.pk])
        newest = table(
            ("entry", "kind", "key", "amount", "balance", "happened at"),
            (
                (
                    link("billing_entry", row.entry_id),
                    row.kind,
                    row.key,
                    row.amount,
                    row.balance,
                    row.happened_at,
                )
                for row in postings.list_movements(account=account)
            ),
        )
        return format_html('{}<a href="{}">all movements</a>', newest, address)


def _read_balances(request: HttpRequest) -> list[TrialBalance]:
    try:
        if request.GET.get("at"):
            moment = datetime.fromisoformat(request.GET["at"])
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return balances.make_balances(balances.read_moment(moment=moment))
        if request.GET.get("day"):
            return balances.make_balances(balances.read_day(day=date.fromisoformat(request.GET["day"])))
    except ValueError:
        messages.error(request, "That is no moment and no day; these are the balances of now.")
    return trial_balance.read_trial_balances()


def _read_cursor(request: HttpRequest) -> tuple[int, int]:
    parts: list[Any] = request.GET.get("before", "").split("-")
    if len(parts) == 2 and all(part.isdecimal() and len(part) < 19 for part in parts):
        return int(parts[0]), int(parts[1])
    return postings.START

"""The overview of reconciliation: equations with their numbers, what waits, and why something differs."""

from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from billing.banking.admin import find_actor
from billing.links import BooksAdmin
from billing.models import ReconciliationLine, ReconciliationNote, ReconciliationRun
from billing.reconciliation import outside, runs
from billing.reconciliation.equations import Name
from core.errors import DomainError

MAY_RUN, MAY_EXPLAIN = "billing.add_reconciliationrun", "billing.add_reconciliationnote"
RUNS_SHOWN = 30
MEANINGS = {
    Name.BANK: "bank clearing = closing balances of statements",
    Name.STRIPE_MOVEMENTS: "Stripe clearing = mirrored movements",
    Name.STRIPE_BALANCE: "mirrored movements = Stripe's balance",
    Name.CHAIN_RECORDS: "chain clearing = deposits less payouts",
    Name.CHAIN_BALANCE: "chain clearing = balance on chain",
    Name.PAYOUTS: "payouts in transit = open payouts",
    Name.SUSPENSE: "suspense = what nobody could tell",
    Name.SAFEGUARDING: "owed to customers ≤ money there is",
}


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(BooksAdmin):
    """Reconciliation: one run a day, and whenever somebody asks."""

    list_display = ("id", "made_at", "made_by", "wrong")
    search_fields = ("uid",)
    change_list_template = "billing/banking/admin_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, a run of now."""
        page = self.admin_site.admin_view(self.run_view)
        return [path("now/", page, name="billing_reconcile_now"), *super().get_urls()]

    @admin.display(description="differences without explanation")
    def wrong(self, run: ReconciliationRun) -> int:
        """How many."""
        return len(runs.list_open(run))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list with the way to make another."""
        more = {"more_url": reverse("admin:billing_reconcile_now"), "more_name": "Reconcile now"}
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def run_view(self, request: HttpRequest) -> HttpResponse:
        """
        Ask, and make a run of now.

        :raises PermissionDenied: for staff who may not
        """
        if not request.user.has_perm(MAY_RUN):
            raise PermissionDenied
        if request.method != "POST":
            context = {**self.admin_site.each_context(request), "title": "Reconcile now", "form": ()}
            return TemplateResponse(request, "billing/banking/admin_form.html", context)
        run = runs.reconcile(
            actor=find_actor(request),
            now=timezone.now(),
            stripe=outside.ask_stripe(),
            chain=outside.ask_chain(),
        )
        return HttpResponseRedirect(reverse("admin:billing_reconciliationrun_change", args=[run.pk]))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """
        Every equation with its numbers, what is in suspense by age, and how much cover there was lately.

        :raises PermissionDenied: for staff who may not look at it
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = ReconciliationRun.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if run is None:
            return super().change_view(request, object_id, form_url, extra_context)
        if request.method == "POST":
            return self._explain(request, run)
        notes = runs.find_notes(run)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Reconciliation of {run.made_at:%Y-%m-%d %H:%M} UTC",
            "rows": [
                (line, MEANINGS[Name(line.equation)], notes.get(line.pk), line.state in runs.WRONG)
                for line in run.lines.order_by("id")
            ],
            "bars": [
                (currency, owed, cash, _measure(owed, cash), _measure(cash, owed))
                for currency, owed, cash in runs.list_safeguarding(run)
            ],
            "total": runs.sum_in_dollars(run),
            "ages": runs.list_ages(now=timezone.now()),
            "days": [
                (one, len(runs.list_open(one)))
                for one in ReconciliationRun.objects.order_by("-id")[:RUNS_SHOWN]
            ],
            "may_explain": request.user.has_perm(MAY_EXPLAIN),
        }
        return TemplateResponse(request, "billing/reconciliation/admin_run.html", context)

    def _explain(self, request: HttpRequest, run: ReconciliationRun) -> HttpResponse:
        if not request.user.has_perm(MAY_EXPLAIN):
            raise PermissionDenied
        given = request.POST.get("line", "")
        line = run.lines.filter(pk=given).first() if given.isdecimal() else None
        try:
            if line is not None:
                runs.explain(
                    line=line,
                    reason=request.POST.get("reason", ""),
                    actor=find_actor(request),
                    now=timezone.now(),
                )
                self.message_user(request, "Explained, for exactly this difference.", messages.SUCCESS)
        except DomainError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
        return HttpResponseRedirect(reverse("admin:billing_reconciliationrun_change", args=[run.pk]))


@admin.register(ReconciliationLine)
class ReconciliationLineAdmin(BooksAdmin):
    """Every equation of every run."""

    list_display = ("id", "run", "currency", "equation", "ours", "theirs", "difference", "state")
    list_filter = ("state", "equation", "currency")
    list_select_related = ("run",)
    search_fields = ("currency", "equation")


@admin.register(ReconciliationNote)
class ReconciliationNoteAdmin(BooksAdmin):
    """Why two sides differed."""

    list_display = ("id", "currency", "equation", "difference", "reason", "noted_by", "noted_at")
    list_filter = ("equation", "currency")
    search_fields = ("uid", "reason")


def _measure(part: Decimal, other: Decimal) -> int:
    """The length of a bar beside the other, in hundredths of the longer one."""
    longer = max(part, other)
    return int(max(part, Decimal(0)) * 100 / longer) if longer > 0 else 0

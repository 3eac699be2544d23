"""What a provider was paid, what is on its way, and why nothing was."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from billing.api.payouts import answer_csv, answer_pdf, read_cursor
from billing.earnings import list_earnings
from billing.models import Payout, SettlementItem
from billing.rails.pages.words import RAILS
from billing.settlement import advice, readiness, terms, words
from billing.settlement.pages.setbacks import describe_stripe, list_setbacks
from billing.settlement.terms import Every
from core.errors import Invalid
from core.money import Money

SHOWN = 50
ROWS_SHOWN = 200


class ScheduleForm(forms.Form):
    """How often to be paid."""

    every = forms.ChoiceField(label=gettext_lazy("Paid"), choices=list(words.SCHEDULES.items()))


class PayoutsPage(OrganizationPage):
    """What is owed, how often it is paid, payouts and settlements, newest first."""

    template_name = "billing/settlement/payouts.html"
    needs = Permission.VIEW_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "earnings"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The newest of both."""
        payouts = Payout.objects.filter(organization=self.organization).select_related("item")
        items = advice.list_settlements(organization=self.organization)
        every = terms.find_schedule(organization_id=self.organization.pk)
        stands = readiness.find_readiness(organization_id=self.organization.pk, now=timezone.now())
        context = {
            "readiness": stands,
            "setbacks": list_setbacks(self.organization, stands),
            "told": describe_stripe(self.organization, stands),
            "owed": [
                Money(one.payable, one.currency)
                for one in list_earnings(organization_id=self.organization.pk)
            ],
            "schedule": words.SCHEDULES[every],
            "form": kwargs.get("form") or ScheduleForm(initial={"every": every}),
            "payouts": [
                (one, Money(one.amount, one.currency), RAILS.get(one.rail, one.rail), words.STATES[one.state])
                for one in payouts.order_by("-id")[:SHOWN]
            ],
            "settlements": [
                (one, Money(one.amount, one.batch.currency), explain(one))
                for one in items.order_by("-id")[:SHOWN]
            ],
        }
        return super().get_context_data(**{**kwargs, **context})

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Choose how often."""
        form = ScheduleForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        terms.choose_schedule(
            organization=self.organization,
            every=Every(form.cleaned_data["every"]),
            actor=self.actor,
            now=timezone.now(),
        )
        messages.success(request, _("Saved."))
        return redirect("payouts-page", self.organization.uid)


class AdvicePage(OrganizationPage):
    """One settlement: from what was carried over to what was paid, and every line behind it."""

    template_name = "billing/settlement/advice.html"
    needs = Permission.VIEW_MONEY
    tab = "earnings"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page, or the whole of it as CSV or PDF."""
        if request.GET.get("format") == "csv":
            answer: Any = answer_csv(self._find())
            return answer  # type: ignore[no-any-return]
        if request.GET.get("format") == "pdf":
            return answer_pdf(self._find(), language=get_language() or "")
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The settlement with its lines."""
        item = self._find()
        payout, currency = getattr(item, "payout", None), item.batch.currency
        rows = advice.list_rows(item=item, after=self._find_place(), limit=ROWS_SHOWN + 1)
        last = rows[ROWS_SHOWN - 1] if len(rows) > ROWS_SHOWN else None
        context = {
            "item": item,
            "paid": Money(item.amount, currency),
            "reason": explain(item),
            "sums": [(name, Money(amount, currency)) for name, amount in _list_sums(item)],
            "payout": payout,
            "state": words.STATES[payout.state] if payout else "",
            "steps": [(words.STATES[step.state], step) for step in payout.steps.order_by("id")]
            if payout
            else [],
            "rows": [(row, words.name_kind(row.kind), Money(row.net, currency)) for row in rows[:ROWS_SHOWN]],
            "next": f"{last.number}-{last.usage_id or 0}" if last else "",
        }
        return super().get_context_data(**{**kwargs, **context})

    def _find_place(self) -> tuple[int, int]:
        try:
            return read_cursor(self.request.GET.get("after", ""))
        except Invalid as refusal:
            raise Http404 from refusal

    def _find(self) -> SettlementItem:
        return advice.find_settlement(organization=self.organization, uid=self.kwargs["settlement"])


def explain(item: SettlementItem) -> str | Promise:
    """Why nothing was paid; nothing for what was."""
    return words.OUTCOMES.get(item.outcome or "", "") or words.REFUSALS.get(item.refusal, "")


def _list_sums(item: SettlementItem) -> list[tuple[str | Promise, Any]]:
    lines: list[tuple[str | Promise, Any]] = [(gettext_lazy("Carried over"), item.opening)]
    lines += [(words.name_kind(line.kind), line.amount) for line in item.lines.all()]
    lines.append((gettext_lazy("Owed at the cutoff"), item.balance))
    taken = advice.list_taken(item)
    lines += [(words.name_kind(kind), amount) for kind, amount in taken if amount]
    return [*lines, (gettext_lazy("Carried on"), item.carried)]

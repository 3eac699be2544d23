"""Operators' pages of settlements: draft, review with outliers, submit, carry out, follow each payout."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from accounts.models import User
from billing.approving.admin import name_person
from billing.approving.words import STATES as APPROVALS
from billing.links import BooksAdmin, link, table
from billing.models import (
    BookingEntity,
    Currency,
    PayoutTerm,
    SettlementBatch,
    SettlementItem,
)
from billing.settlement import batches, execution, gates, review, shown, terms
from billing.settlement.shown import Word
from billing.settlement.terms import Every
from core.admin import PlainAdmin
from core.errors import DomainError
from core.money import Money
from core.templatetags.looks import exact_money, moment

ITEMS_SHOWN = 200
WITHDRAWABLE = (
    SettlementBatch.State.DRAFT,
    SettlementBatch.State.SUBMITTED,
    SettlementBatch.State.APPROVED,
)
MAY_SETTLE = "billing.change_settlementbatch"


def find_actor(request: HttpRequest) -> Actor:
    """The operator."""
    assert isinstance(request.user, User)  # noqa: S101 - the admin lets in nobody else
    return Actor.from_user(request.user)


class DraftForm(forms.Form):
    """What to count."""

    currency = forms.ModelChoiceField(Currency.objects.order_by("code"), label=_("Currency"))
    entity = forms.ModelChoiceField(BookingEntity.objects.order_by("code"), label=_("Books of"))
    every = forms.ChoiceField(choices=shown.list_turns, required=False, label=_("Providers whose turn it is"))


@admin.register(SettlementBatch)
class SettlementBatchAdmin(BooksAdmin):
    """Settlements: drafted, submitted, approved by somebody else, carried out."""

    list_display = (
        *("id", "drafted", "currency", "entity", "stands", "items_count", "amount", "prepared", "approved"),
    )
    list_filter = ("state", "currency", "entity")
    search_fields = ("uid", "period", "content_sha256")
    change_list_template = "billing/settlement/admin_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the draft of a new one."""
        page = self.admin_site.admin_view(self.draft_view)
        return [path("draft/", page, name="billing_settlement_draft"), *super().get_urls()]

    @admin.display(description=_("counted"), ordering="drafted_at")
    def drafted(self, batch: SettlementBatch) -> str:
        """When, with the zone."""
        return moment(batch.drafted_at)

    @admin.display(description=_("state"), ordering="state")
    def stands(self, batch: SettlementBatch) -> Word:
        """How far it is, in words."""
        return shown.BATCHES[batch.state]

    @admin.display(description=_("providers"))
    def items_count(self, batch: SettlementBatch) -> int:
        """How many are in it."""
        return batch.items.count()

    @admin.display(description=_("to pay"))
    def amount(self, batch: SettlementBatch) -> str:
        """The sum of its payouts."""
        return exact_money(Money(batches.sum_up(batch)["amount"], batch.currency))

    @admin.display(description=_("prepared by"))
    def prepared(self, batch: SettlementBatch) -> str:
        """The person's address."""
        return name_person(batch.prepared_by)

    @admin.display(description=_("approved by"))
    def approved(self, batch: SettlementBatch) -> str:
        """The person's address."""
        return name_person(batch.approved_by)

    def draft_view(self, request: HttpRequest) -> HttpResponse:
        """
        Draft a batch.

        :raises PermissionDenied: for staff who may not settle
        """
        if not request.user.has_perm(MAY_SETTLE):
            raise PermissionDenied
        form = DraftForm(request.POST or None, initial={"entity": "HK"})
        if request.method == "POST" and form.is_valid():
            try:
                made = batches.draft(
                    currency=form.cleaned_data["currency"].code,
                    entity=form.cleaned_data["entity"].code,
                    every=Every(form.cleaned_data["every"]) if form.cleaned_data["every"] else None,
                    ask=gates.ask,
                    actor=find_actor(request),
                    now=timezone.now(),
                )
            except DomainError as refusal:
                form.add_error(None, refusal.message)
            else:
                return HttpResponseRedirect(reverse("admin:billing_settlementbatch_change", args=[made.pk]))
        context = {**self.admin_site.each_context(request), "title": _("Draft a settlement"), "form": form}
        return TemplateResponse(request, "billing/settlement/admin_draft.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """
        Totals, outliers and items, with what can be done next.

        :raises PermissionDenied: for staff who may not look at settlements
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        batch = SettlementBatch.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if batch is None:
            return super().change_view(request, object_id, form_url, extra_context)
        if request.method == "POST":
            return self._act(request, batch)
        approval = batches.find_approval(batch)
        items = batch.items.select_related("organization", "payout").order_by("-amount", "id")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Settlement #%(number)s in %(currency)s")
            % {"number": batch.pk, "currency": batch.currency},
            "batch": batch,
            "state": shown.BATCHES[batch.state],
            "next": shown.NEXT[batch.state],
            "entity": shown.name_entity(batch.entity),
            "open_states": WITHDRAWABLE,
            "sums": shown.list_sums(batch),
            "reasons": shown.list_reasons(batch),
            "ways": shown.list_ways(batch),
            "outliers": review.list_outliers(batch),
            "shares": review.list_shares(batch),
            "drifts": review.list_drifts(batch),
            "items": shown.list_items(items[:ITEMS_SHOWN]),
            "progress": shown.list_progress(batch),
            "approval": approval,
            "approval_state": APPROVALS[approval.state] if approval else "",
            "people": {
                "prepared": name_person(batch.prepared_by),
                "approved": name_person(batch.approved_by),
            },
            "may_settle": request.user.has_perm(MAY_SETTLE),
        }
        return TemplateResponse(request, "billing/settlement/admin_batch.html", context)

    def _act(self, request: HttpRequest, batch: SettlementBatch) -> HttpResponse:
        if not request.user.has_perm(MAY_SETTLE):
            raise PermissionDenied
        actor, now = find_actor(request), timezone.now()
        try:
            if "submit" in request.POST:
                asked = batches.submit(batch=batch, actor=actor, now=now)
                self.message_user(request, _("Submitted: somebody else has to approve it."), messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:billing_approval_change", args=[asked.pk]))
            if "reckon" in request.POST:
                batches.reckon(batch=batch, ask=gates.ask, now=now)
            elif "execute" in request.POST:
                execution.start(batch=batch, actor=actor, now=now)
                self.message_user(request, _("It is being carried out."), messages.SUCCESS)
            elif "void" in request.POST:
                note = request.POST.get("note", "").strip() or "Given up."
                batches.void(batch=batch, note=note, actor=actor, now=now)
        except DomainError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
        return HttpResponseRedirect(reverse("admin:billing_settlementbatch_change", args=[batch.pk]))


def _show(column: str, name: Any) -> Callable[[Any, SettlementItem], str]:
    """A column of money as it is shown: with its currency."""

    @admin.display(description=name, ordering=column)
    def show(_admin: Any, item: SettlementItem) -> str:
        return exact_money(Money(getattr(item, column), item.batch.currency))

    return show


@admin.register(SettlementItem)
class SettlementItemAdmin(BooksAdmin):
    """What each provider was owed in a settlement, with the lines and entries behind it."""

    list_display = (
        *("id", "batch", "organization", "owed", "kept_back", "let_go", "taxed", "charged", "to_pay"),
        *("left", "became"),
    )
    list_filter = ("refusal", "outcome", "batch__currency")
    list_select_related = ("batch", "organization")
    search_fields = ("uid", "organization__name", "organization__uid")
    fields = (
        *("batch", "organization", "account", "owed", "kept_back", "let_go", "taxed", "charged", "to_pay"),
        *("left", "became", "way", "paid_by", "lines", "moved", "charges", "uid"),
    )
    readonly_fields = fields

    @admin.display(description=_("became of it"))
    def became(self, item: SettlementItem) -> Word:
        """Why it is not paid, or what became of it, in words."""
        return shown.OUTCOMES[item.outcome] if item.outcome else shown.REFUSALS.get(item.refusal, "")

    @admin.display(description=_("rail"))
    def way(self, item: SettlementItem) -> Word:
        """As people call it."""
        return shown.name_rail(item.rail)

    owed = _show("balance", _("owed"))
    kept_back = _show("held", _("held back"))
    let_go = _show("released", _("released of what was held"))
    taxed = _show("tax", _("tax withheld"))
    charged = _show("fee", _("fee"))
    to_pay = _show("amount", _("to pay"))
    left = _show("carried", _("left for the next"))

    @admin.display(description=_("lines"))
    def lines(self, item: SettlementItem) -> SafeString:
        """What happened since the last settlement, by kind."""
        currency = item.batch.currency
        rows = [
            (shown.LINES.get(kind, kind), count, exact_money(Money(amount, currency)))
            for kind, count, amount in item.lines.order_by("kind").values_list("kind", "count", "amount")
        ]
        return table((_("what"), _("how many"), _("amount")), rows)

    @admin.display(description=_("entries"))
    def moved(self, item: SettlementItem) -> SafeString:
        """What carrying it out posted."""
        return table((_("entry"),), ((link("billing_entry", entry),) for entry in item.entries))

    @admin.display(description=_("payout"))
    def paid_by(self, item: SettlementItem) -> SafeString:
        """On its way."""
        payout = getattr(item, "payout", None)
        return link("billing_payout", payout.pk if payout else None)


@admin.register(PayoutTerm)
class PayoutTermAdmin(PlainAdmin):
    """What is asked for in each currency."""

    list_display = ("currency", "minimum", "fee", "held_days", "held_max", "changed_at")
    ordering = ("currency",)
    exclude = ("changed_at",)

    def get_readonly_fields(self, request: HttpRequest, obj: PayoutTerm | None = None) -> tuple[str, ...]:
        """The currency of a row stays."""
        return ("currency",) if obj else ()

    def save_model(self, request: HttpRequest, obj: PayoutTerm, form: Any, change: bool) -> None:
        """Set them under the operator's name."""
        wanted = terms.Terms(obj.currency, obj.minimum, obj.fee, obj.held_days, obj.held_max)
        try:
            terms.change_terms(terms=wanted, actor=find_actor(request), now=timezone.now())
        except DomainError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Terms of nothing are set, not removed."""
        return False

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[PayoutTerm]) -> None:
        """
        Nobody removes them.

        :raises PermissionDenied: always
        """
        raise PermissionDenied

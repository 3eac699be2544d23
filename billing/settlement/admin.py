"""Operators' pages of settlements: draft, review with outliers, submit, carry out, follow each payout."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.audit import Actor
from accounts.models import User
from billing.approving.admin import name_person
from billing.links import BooksAdmin, link, table
from billing.models import (
    BookingEntity,
    Currency,
    Payout,
    PayoutSchedule,
    PayoutTerm,
    SettlementBatch,
    SettlementItem,
)
from billing.settlement import batches, execution, gates, review, steps, terms
from billing.settlement.terms import Every
from core.admin import PlainAdmin
from core.errors import DomainError

ITEMS_SHOWN = 200
MAY_SETTLE = "billing.change_settlementbatch"


def find_actor(request: HttpRequest) -> Actor:
    """The operator."""
    assert isinstance(request.user, User)  # noqa: S101 - the admin lets in nobody else
    return Actor.from_user(request.user)


class DraftForm(forms.Form):
    """What to count."""

    currency = forms.ModelChoiceField(Currency.objects.order_by("code"))
    entity = forms.ModelChoiceField(BookingEntity.objects.order_by("code"), label="books of")
    every = forms.ChoiceField(
        choices=[("", "all providers"), *PayoutSchedule.Every.choices],
        required=False,
        label="providers whose turn it is",
    )


@admin.register(SettlementBatch)
class SettlementBatchAdmin(BooksAdmin):
    """Settlements: drafted, submitted, approved by somebody else, carried out."""

    list_display = (
        *("id", "period", "currency", "entity", "state", "items_count", "amount", "prepared", "approved"),
        "drafted_at",
    )
    list_filter = ("state", "currency", "entity")
    search_fields = ("uid", "period", "content_sha256")
    change_list_template = "billing/settlement/admin_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the draft of a new one."""
        page = self.admin_site.admin_view(self.draft_view)
        return [path("draft/", page, name="billing_settlement_draft"), *super().get_urls()]

    @admin.display(description="providers")
    def items_count(self, batch: SettlementBatch) -> int:
        """How many are in it."""
        return batch.items.count()

    @admin.display(description="to pay")
    def amount(self, batch: SettlementBatch) -> str:
        """The sum of its payouts."""
        return f"{batches.sum_up(batch)['amount']:f}"

    @admin.display(description="prepared by")
    def prepared(self, batch: SettlementBatch) -> str:
        """The person's address."""
        return name_person(batch.prepared_by)

    @admin.display(description="approved by")
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
        context = {**self.admin_site.each_context(request), "title": "Draft a settlement", "form": form}
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
        items = batch.items.select_related("organization", "payout").order_by("-amount", "id")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Settlement {batch.period} {batch.currency}",
            "batch": batch,
            "sums": batches.sum_up(batch).items(),
            "reasons": review.count_reasons(batch),
            "outliers": review.list_outliers(batch),
            "shares": review.list_shares(batch),
            "drifts": review.list_drifts(batch),
            "items": items[:ITEMS_SHOWN],
            "progress": review.count_outcomes(batch),
            "approval": batches.find_approval(batch),
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
                self.message_user(request, "Submitted: somebody else has to approve it.", messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:billing_approval_change", args=[asked.pk]))
            if "reckon" in request.POST:
                batches.reckon(batch=batch, ask=gates.ask, now=now)
            elif "execute" in request.POST:
                execution.start(batch=batch, actor=actor, now=now)
                self.message_user(request, "It is being carried out.", messages.SUCCESS)
            elif "void" in request.POST:
                note = request.POST.get("note", "").strip() or "Given up."
                batches.void(batch=batch, note=note, actor=actor, now=now)
        except DomainError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
        return HttpResponseRedirect(reverse("admin:billing_settlementbatch_change", args=[batch.pk]))


@admin.register(SettlementItem)
class SettlementItemAdmin(BooksAdmin):
    """What each provider was owed in a settlement, with the lines and entries behind it."""

    list_display = (
        *("id", "batch", "organization", "balance", "held", "released", "tax", "fee", "amount", "carried"),
        *("refusal", "outcome"),
    )
    list_filter = ("refusal", "outcome", "batch__currency")
    list_select_related = ("batch", "organization")
    search_fields = ("uid", "organization__name", "organization__uid")
    exclude = ("entries",)
    readonly_fields = ("lines", "moved", "paid_by")

    @admin.display(description="lines")
    def lines(self, item: SettlementItem) -> SafeString:
        """What happened since the last settlement, by kind."""
        rows = item.lines.order_by("kind").values_list("kind", "count", "amount")
        return table(("kind", "count", "amount"), rows)

    @admin.display(description="entries")
    def moved(self, item: SettlementItem) -> SafeString:
        """What carrying it out posted."""
        return table(("entry",), ((link("billing_entry", entry),) for entry in item.entries))

    @admin.display(description="payout")
    def paid_by(self, item: SettlementItem) -> SafeString:
        """On its way."""
        payout = getattr(item, "payout", None)
        return link("billing_payout", payout.pk if payout else None)


class StepForm(forms.Form):
    """What became of a payout."""

    state = forms.ChoiceField(choices=[(name, name) for name in Payout.State.values if name != "PLANNED"])
    reference = forms.CharField(max_length=steps.REFERENCE_LENGTH_MAX, required=False)
    reason = forms.CharField(max_length=steps.REASON_LENGTH_MAX, required=False)


@admin.register(Payout)
class PayoutAdmin(BooksAdmin):
    """Money on its way to providers; each step is noted once."""

    list_display = (
        *("id", "organization", "amount", "currency", "rail", "state", "external_id", "reason", "planned_at"),
        "paid_at",
    )
    list_filter = ("state", "rail", "currency")
    list_select_related = ("organization",)
    search_fields = ("uid", "external_id", "organization__name", "organization__uid")
    readonly_fields = ("history",)
    change_form_template = "billing/settlement/admin_payout.html"

    @admin.display(description="steps")
    def history(self, payout: Payout) -> SafeString:
        """Each with the entry it posted."""
        return table(
            ("at", "state", "rail", "reference", "reason", "by", "entry"),
            (
                (
                    *(step.happened_at, step.state, step.rail, step.external_id or "", step.reason),
                    *(_name_actor(step.actor), link("billing_entry", step.entry_id)),
                )
                for step in payout.steps.order_by("id")
            ),
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """
        The payout, and the form to note a step.

        :raises PermissionDenied: for staff who may not note one
        """
        if request.method == "POST":
            payout = self.get_object(request, object_id)
            if payout is not None:
                return self._note(request, payout)
        payout = Payout.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        shown = {
            "step_form": StepForm() if request.user.has_perm("billing.change_payout") else None,
            "asked": steps.find_open(payout=payout) if payout else None,
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def _note(self, request: HttpRequest, payout: Payout) -> HttpResponse:
        if not request.user.has_perm("billing.change_payout"):
            raise PermissionDenied
        form, now = StepForm(request.POST), timezone.now()
        if form.is_valid():
            try:
                asked = steps.note_step(
                    payout=payout,
                    state=Payout.State(form.cleaned_data["state"]),
                    reference=form.cleaned_data["reference"],
                    reason=form.cleaned_data["reason"],
                    happened_at=now,
                    actor=find_actor(request),
                    now=now,
                )
                said = "Noted. Somebody else has to confirm it." if asked else "Noted."
                self.message_user(request, said, messages.SUCCESS)
                if asked:
                    return HttpResponseRedirect(reverse("admin:billing_approval_change", args=[asked.pk]))
            except DomainError as refusal:
                self.message_user(request, refusal.message, messages.ERROR)
        return HttpResponseRedirect(reverse("admin:billing_payout_change", args=[payout.pk]))


def _name_actor(text: str) -> str:
    """A person by their address; programs as they are called."""
    kind, _, uid = text.partition(":")
    try:
        return name_person(UUID(uid)) if kind == "user" else text
    except ValueError:
        return text


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

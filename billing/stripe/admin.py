"""Operators' pages of money in: what Stripe told and what was done about it, payments, disputes, terms."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import audit
from accounts.audit import Actor
from accounts.models import User
from billing.links import BooksAdmin, link, table
from billing.models import (
    StripeBalanceTransaction,
    StripeEvent,
    StripeRecharge,
    StripeRefund,
    StripeTerms,
    StripeTopUp,
    TopUpMethod,
)
from billing.stripe import (
    admin_disputes,  # noqa: F401 - registers itself
    bounds,
    inbox,
    refunds,
)
from core.admin import PlainAdmin

ROWS_MAX = 200


def find_actor(request: HttpRequest) -> Actor:
    """The operator."""
    assert isinstance(request.user, User)  # noqa: S101 - the admin lets in nobody else
    return Actor.from_user(request.user)


@admin.register(StripeEvent)
class StripeEventAdmin(BooksAdmin):
    """What Stripe told, as it came; acted on once, and again when somebody asks."""

    list_display = ("id", "event_id", "type", "object_id", "state", "attempts", "happened_at", "received_at")
    list_filter = ("state", "type")
    search_fields = ("event_id", "object_id", "type", "error")
    exclude = ("payload",)
    readonly_fields = ("told",)
    actions = ("resend",)

    @admin.display(description="as it came")
    def told(self, event: StripeEvent) -> SafeString:
        """The whole of it."""
        return format_html("<pre>{}</pre>", json.dumps(event.payload, indent=2, ensure_ascii=False))

    @admin.action(description="Act on it again", permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: QuerySet[StripeEvent]) -> None:
        """Have events acted on again; recorded under the operator's name."""
        for event in queryset:
            inbox.resend(event=event, actor=find_actor(request), now=timezone.now())
        self.message_user(request, f"{len(queryset)} events are acted on again.", messages.SUCCESS)

    def has_resend_permission(self, request: HttpRequest) -> bool:
        """Rows are never edited, but whoever might may have them acted on again."""
        return request.user.has_perm("billing.change_stripeevent")


@admin.register(StripeTopUp)
class StripeTopUpAdmin(BooksAdmin):
    """Payments into wallets, with their entries, refunds, disputes and what they cost."""

    list_display = (
        *("id", "organization", "amount", "currency", "method", "origin", "state"),
        *("risk_level", "reserved", "created_at", "paid_at"),
    )
    list_filter = ("state", "origin", "method", "currency", "risk_level")
    list_select_related = ("organization",)
    search_fields = (
        *("uid", "organization__name", "organization__uid", "session_id"),
        *("payment_intent_id", "charge_id"),
    )
    readonly_fields = ("posted", "released", "sent_back", "contested", "cost")
    exclude = ("entry", "release_entry", "page_url", "return_url")

    @admin.display(description="entry")
    def posted(self, row: StripeTopUp) -> SafeString:
        """What credited it."""
        return link("billing_entry", row.entry_id)

    @admin.display(description="reserve released by")
    def released(self, row: StripeTopUp) -> SafeString:
        """What credited what was kept back."""
        return link("billing_entry", row.release_entry_id)

    @admin.display(description="refunds")
    def sent_back(self, row: StripeTopUp) -> SafeString:
        """What went back."""
        rows = row.refunds.order_by("id")[:ROWS_MAX]
        return table(
            ("refund", "amount", "state", "at Stripe"),
            ((link("billing_striperefund", one.pk), one.amount, one.state, one.refund_id) for one in rows),
        )

    @admin.display(description="disputes")
    def contested(self, row: StripeTopUp) -> SafeString:
        """What is contested of it."""
        rows = row.disputes.order_by("opened_at")[:ROWS_MAX]
        return table(
            ("dispute", "amount", "state", "frozen"),
            (
                (link("billing_stripedispute", one.pk, one.pk), one.amount, one.state, one.frozen)
                for one in rows
            ),
        )

    @admin.display(description="at Stripe")
    def cost(self, row: StripeTopUp) -> SafeString:
        """What its charge moved there."""
        rows = StripeBalanceTransaction.objects.filter(source=row.charge_id or "none")
        return table(
            ("movement", "amount", "fee", "net", "currency"),
            (
                (
                    link("billing_stripebalancetransaction", one.pk, one.pk),
                    one.amount,
                    one.fee,
                    one.net,
                    one.currency,
                )
                for one in rows
            ),
        )


class AtStripeFilter(admin.SimpleListFilter):
    """Refunds that somebody made at Stripe, or of which something is still owed."""

    title = "made"
    parameter_name = "made"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Where, and what is missing."""
        return [("stripe", "at Stripe"), ("owed", "at Stripe, after it was spent")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[StripeRefund]) -> QuerySet[StripeRefund]:
        """Those."""
        if self.value() == "stripe":
            return queryset.filter(reason=refunds.AT_STRIPE)
        if self.value() == "owed":
            return queryset.filter(uncovered__gt=0).exclude(state=StripeRefund.State.FAILED)
        return queryset


@admin.register(StripeRefund)
class StripeRefundAdmin(BooksAdmin):
    """Unused money on its way back, and what was sent back at Stripe without us."""

    list_display = ("id", "top_up", "amount", "uncovered", "state", "failure", "reason", "requested_at")
    list_filter = ("state", AtStripeFilter)
    list_select_related = ("top_up",)
    search_fields = ("uid", "refund_id", "reason")


@admin.register(StripeBalanceTransaction)
class StripeBalanceTransactionAdmin(BooksAdmin):
    """Our account at Stripe, movement by movement."""

    list_display = (
        *("id", "reporting_category", "source", "amount", "fee", "net", "currency"),
        *("happened_at", "available_at", "entry"),
    )
    list_filter = ("reporting_category", "currency", ("available_entry", admin.EmptyFieldListFilter))
    list_select_related = ("entry",)
    id_fields = ("entry_id", "available_entry_id")
    search_fields = ("id", "source", "type")
    ordering = ("-happened_at",)


@admin.register(StripeRecharge)
class StripeRechargeAdmin(BooksAdmin):
    """Wallets that are filled by themselves."""

    list_display = (
        *("id", "organization", "currency", "threshold", "amount", "day_most", "month_most"),
        *("state", "reason", "failures", "changed_at"),
    )
    list_filter = ("state", "currency", "reason")
    list_select_related = ("organization",)
    search_fields = ("uid", "organization__name", "organization__uid")


class TermsForm(forms.ModelForm):  # type: ignore[type-arg]
    """What may be paid in; bounds that do not go together are refused."""

    methods = forms.MultipleChoiceField(
        choices=TopUpMethod.choices, widget=forms.CheckboxSelectMultiple, required=False
    )

    class Meta:
        model = StripeTerms
        fields = (
            *("methods", "least", "most", "day_most", "new_day_most"),
            *("reserve_bps", "elevated_reserve_bps", "reserve_days"),
        )

    def clean(self) -> dict[str, Any]:
        """The rules of the table, in words."""
        given = super().clean() or {}
        if self.errors:
            return given
        if not 0 < given["least"] <= given["new_day_most"] <= given["day_most"]:
            self.add_error("new_day_most", "Between the least of one payment and the most of a day.")
        if not given["least"] <= given["most"] <= given["day_most"]:
            self.add_error("most", "Between the least of one payment and the most of a day.")
        if not 0 <= given["reserve_bps"] <= given["elevated_reserve_bps"] <= 10_000:
            self.add_error("elevated_reserve_bps", "At least as much as of any payment, at most 10,000.")
        if not 0 <= given["reserve_days"] <= 365:
            self.add_error("reserve_days", "0 to 365.")
        self._hold_against_stripe(given)
        return given

    def _hold_against_stripe(self, given: dict[str, Any]) -> None:
        """What Stripe would refuse is not offered."""
        currency = self.instance.currency
        for method in given["methods"]:
            if not bounds.takes(method=method, currency=currency):
                others = ", ".join(sorted(bounds.TAKES[method]))
                self.add_error("methods", f"{TopUpMethod(method).label} takes {others}: not {currency}.")
        least = bounds.find_least(currency=currency, for_a_dollar=None)
        most = bounds.find_most(currency=currency, method=TopUpMethod.CARD)
        if not least <= given["least"] <= most:
            self.add_error("least", f"Stripe charges {least} to {most} {currency} at once.")


@admin.register(StripeTerms)
class StripeTermsAdmin(PlainAdmin):
    """What may be paid in, in each currency; a change is in the audit trail."""

    form = TermsForm
    list_display = ("currency", "methods", "least", "most", "day_most", "new_day_most", "reserve_bps")
    search_fields = ("currency",)
    ordering = ("currency",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Currencies come with the program."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Without ways to pay a currency is not offered."""
        return False

    def save_model(self, request: HttpRequest, obj: StripeTerms, form: Any, change: bool) -> None:
        """Save what changed, and who changed it."""
        obj.save(update_fields=TermsForm.Meta.fields)
        audit.record_event(
            actor=find_actor(request),
            action="stripe_terms.change",
            subject_kind="currency",
            subject_uid=None,
            organization=None,
            now=timezone.now(),
            details={"currency": obj.currency}
            | {name: str(form.cleaned_data[name]) for name in form.changed_data},
        )

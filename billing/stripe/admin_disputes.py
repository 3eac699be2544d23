"""Operators' pages of disputes: what is contested, frozen and still to be said, and evidence for it."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.audit import Actor
from accounts.models import User
from billing.approving.admin import name_person
from billing.links import BooksAdmin, link, table
from billing.models import LedgerAccount, StripeBalanceTransaction, StripeDispute
from billing.stripe import client, disputes, evidence
from core.errors import DomainError
from core.money import Money

AT_STRIPE = "https://dashboard.stripe.com/disputes/"
MEANINGS = {
    "INQUIRY": "The payer's bank asks; nothing is frozen.",
    "OPEN": "Contested: Stripe took the money back, and what the wallet had of it is frozen.",
    "WON": "Won: what was frozen is in the wallet again.",
    "LOST": "Lost: what was frozen is taken; what had been spent is the platform's loss.",
}


class EvidenceForm(forms.Form):
    """What is to be told to the payer's bank."""

    evidence = forms.CharField(
        max_length=evidence.LENGTH_MAX,
        widget=forms.Textarea(attrs={"rows": 10, "cols": 90}),
        help_text="Handed in once, and for good. Files are handed in at Stripe's own pages.",
    )


class WaitingFilter(admin.SimpleListFilter):
    """Disputes that wait for evidence."""

    title = "evidence"
    parameter_name = "evidence"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Those that wait."""
        return [("wanted", "wanted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[StripeDispute]) -> QuerySet[StripeDispute]:
        """Those, the most urgent first."""
        if self.value() == "wanted":
            wanted = queryset.filter(status__in=evidence.WANTED)
            return wanted.order_by(F("due_by").asc(nulls_last=True))
        return queryset


@admin.register(StripeDispute)
class StripeDisputeAdmin(BooksAdmin):
    """Payments that their payers' banks contest, and a page for each on which evidence is handed in."""

    list_display = (
        *("id", "buyer", "amount", "currency", "reason", "state", "status", "until"),
        *("frozen", "top_up", "opened_at", "ended_at"),
    )
    list_filter = ("state", WaitingFilter, "reason")
    list_select_related = ("top_up__organization",)
    id_fields = ("top_up_id",)
    search_fields = ("id", "reason", "top_up__organization__name", "top_up__charge_id")
    ordering = ("-opened_at",)

    @admin.display(description="buyer", ordering="top_up__organization__name")
    def buyer(self, dispute: StripeDispute) -> str:
        """Who paid."""
        return dispute.top_up.organization.name

    @admin.display(description="currency")
    def currency(self, dispute: StripeDispute) -> str:
        """Of the payment."""
        return dispute.top_up.currency

    @admin.display(description="evidence until", ordering="due_by")
    def until(self, dispute: StripeDispute) -> str:
        """The deadline while evidence is wanted."""
        return describe_deadline(dispute) if dispute.status in evidence.WANTED else ""

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """
        All that is known of a dispute, and the evidence for it.

        :raises PermissionDenied: for staff who may not look at disputes, or hand in evidence
        """
        user = request.user
        if not isinstance(user, User) or not self.has_view_permission(request):
            raise PermissionDenied
        rows = StripeDispute.objects.select_related("top_up__organization")
        # Stripe's ids have a sign that the admin writes otherwise in addresses.
        dispute = rows.filter(pk=unquote(object_id)).first()
        if dispute is None:
            return super().change_view(request, object_id, form_url, extra_context)
        may_act, now = user.has_perm("billing.change_stripedispute"), timezone.now()
        wanted = may_act and evidence.is_wanted(dispute=dispute, now=now)
        draft = dispute.evidence or evidence.describe_use(top_up=dispute.top_up, now=now)
        form = EvidenceForm(request.POST if "hand_in" in request.POST else None, initial={"evidence": draft})
        if request.method == "POST":
            if not may_act:
                raise PermissionDenied
            if "hand_in" not in request.POST or form.is_valid():
                self._act(request, dispute, form, Actor.from_user(user))
                return HttpResponseRedirect(
                    reverse("admin:billing_stripedispute_change", args=[quote(dispute.pk)])
                )
        context = {
            **self.admin_site.each_context(request),
            "title": f"Dispute {dispute.pk}",
            "dispute": dispute,
            "meaning": MEANINGS[dispute.state],
            "facts": list(list_facts(dispute)),
            "moved": list_moved(dispute),
            "form": form if wanted else None,
            "may_act": may_act,
            "by": name_person(dispute.evidence_by),
        }
        return TemplateResponse(request, "billing/stripe/admin_dispute.html", context)

    def _act(self, request: HttpRequest, dispute: StripeDispute, form: EvidenceForm, actor: Actor) -> None:
        now = timezone.now()
        try:
            asked = client.make_client()
            if "hand_in" in request.POST:
                text = form.cleaned_data["evidence"]
                evidence.hand_in(dispute=dispute, text=text, actor=actor, asked=asked, now=now)
                messages.success(request, "The evidence is at Stripe.")
            else:
                disputes.follow(dispute_id=dispute.pk, asked=asked, now=now)
                messages.success(request, "This is how it stands at Stripe.")
        except DomainError as refusal:
            messages.error(request, refusal.message)


def list_facts(dispute: StripeDispute) -> Iterator[tuple[str, object]]:
    """What an operator wants to know, each with the page where it is looked at."""
    paid = dispute.top_up
    whole = "all" if dispute.amount == paid.amount else "a part"
    yield "buyer", link("accounts_organization", paid.organization_id, paid.organization.name)
    yield "contested", f"{Money(dispute.amount, paid.currency)}, {whole} of the payment"
    yield (
        "payment",
        format_html(
            "{}: {}, {}, paid {}, charge {}",
            link("billing_stripetopup", paid.pk),
            Money(paid.amount, paid.currency),
            paid.get_method_display(),
            f"{paid.paid_at:%Y-%m-%d %H:%M}" if paid.paid_at else "never",
            paid.charge_id or "none",
        ),
    )
    yield "reason", dispute.reason
    yield (
        "at Stripe",
        format_html(
            '{}, <a href="{}{}" rel="noreferrer">its page there</a>', dispute.status, AT_STRIPE, dispute.pk
        ),
    )
    yield "evidence until", describe_deadline(dispute)
    yield "evidence given", f"{dispute.submissions} times" if dispute.submissions else "none yet"
    yield from list_money(dispute)


def list_money(dispute: StripeDispute) -> Iterator[tuple[str, object]]:
    """What was frozen, what was not there any more, and the entries."""
    paid = dispute.top_up
    frozen = LedgerAccount.objects.filter(
        purpose="FROZEN", currency=paid.currency, organization_id=paid.organization_id
    ).first()
    account = link("admin:billing_ledgeraccount_movements", frozen.pk, "the account") if frozen else ""
    yield "frozen", format_html("{} {}", Money(dispute.frozen, paid.currency), account)
    left = Money(dispute.amount - dispute.frozen, paid.currency)
    if dispute.state == StripeDispute.State.OPEN and left.amount:
        yield "spent before", f"{left}: the platform's loss if the dispute is lost and the wallet stays empty"
    yield "frozen by entry", link("billing_entry", dispute.freeze_entry_id)
    yield "ended by entry", link("billing_entry", dispute.end_entry_id)


def list_moved(dispute: StripeDispute) -> SafeString:
    """What Stripe took and gave, with the entries."""
    rows = StripeBalanceTransaction.objects.filter(source=dispute.pk).order_by("happened_at")
    return table(
        ("movement", "what", "amount", "fee", "currency", "entry"),
        (
            (
                link("billing_stripebalancetransaction", one.pk, one.pk),
                one.reporting_category,
                one.amount,
                one.fee,
                one.currency,
                link("billing_entry", one.entry_id),
            )
            for one in rows
        ),
    )


def describe_deadline(dispute: StripeDispute) -> str:
    """Until when evidence is taken, and how long that is."""
    days = evidence.count_days_left(dispute=dispute, now=timezone.now())
    if dispute.due_by is None or days is None:
        return "Stripe has not said"
    left = f"{days} days left" if days > 0 else "less than a day left" if days == 0 else "over"
    return f"{dispute.due_by:%Y-%m-%d %H:%M} UTC, {left}"

"""Operators' pages of claims about answers: how long each waits, all that was said, and the decision."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.audit import Actor
from accounts.models import User
from billing.approving.admin import name_person
from billing.bookings import Bearer
from billing.links import BooksAdmin, link
from core.errors import DomainError, NotFound
from core.file_answers import answer_file
from core.money import Money
from workers import claim_decisions, claims
from workers.models import AnswerClaim
from workers.models.claim import TEXT_LENGTH_MAX


class DecisionForm(forms.Form):
    """What becomes of a claim."""

    credit = forms.DecimalField(
        min_value=Decimal(0), max_digits=38, decimal_places=9, help_text="0 turns the claim down."
    )
    borne_by = forms.ChoiceField(choices=Bearer.choices)
    reason = forms.CharField(
        max_length=TEXT_LENGTH_MAX,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 80}),
        help_text="Buyer and provider read it.",
    )


@admin.register(AnswerClaim)
class AnswerClaimAdmin(BooksAdmin):
    """Claims, the newest first, and the page on which one is decided."""

    list_display = (
        *("id", "decide", "reason", "state", "organization", "provider", "days", "credit", "currency"),
        "opened_at",
    )
    list_filter = ("state", "reason")
    list_select_related = ("organization", "provider")
    search_fields = ("uid", "job__uid", "organization__name", "provider__name")
    ordering = ("-id",)

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the one of the decision."""
        page = self.admin_site.admin_view(self.decide_one)
        file = self.admin_site.admin_view(self.download)
        return [
            path("decide/<int:number>/", page, name="workers_decide_claim"),
            path("decide/<int:number>/<uuid:uid>/", file, name="workers_claim_file"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A claim is read where it is decided."""
        if object_id.isdecimal():
            return HttpResponseRedirect(reverse("admin:workers_decide_claim", args=[object_id]))
        return super().change_view(request, object_id, form_url, extra_context)

    def download(self, request: HttpRequest, number: int, uid: UUID) -> HttpResponse:
        """
        A file that one side shows.

        :raises PermissionDenied: for staff who may not look at claims
        :raises Http404: if there is no such file
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        claim = find_claim(number)
        try:
            return answer_file(claims.read_file(claim=claim, uid=uid))
        except NotFound as refusal:
            raise Http404 from refusal

    @admin.display(description="job")
    def decide(self, claim: AnswerClaim) -> SafeString:
        """To where it is read and decided."""
        return link("admin:workers_decide_claim", claim.pk, str(claim.job.uid))

    @admin.display(description="days")
    def days(self, claim: AnswerClaim) -> int:
        """How long it waited, or waits."""
        return count_days(claim, now=timezone.now())

    def decide_one(self, request: HttpRequest, number: int) -> HttpResponse:
        """
        All that was said, what may be credited, and the operator's decision.

        :raises PermissionDenied: for staff who may not look at it, or decide
        :raises Http404: if there is no such claim
        """
        user = request.user
        if not isinstance(user, User) or not self.has_view_permission(request):
            raise PermissionDenied
        claim = find_claim(number)
        may_decide = user.has_perm("workers.change_answerclaim") and claim.state in claims.WAITING
        form = DecisionForm(request.POST or None)
        if request.method == "POST":
            if not may_decide:
                raise PermissionDenied
            if form.is_valid() and self._decide(request, user, claim, form):
                return HttpResponseRedirect(reverse("admin:workers_decide_claim", args=[claim.pk]))
        proposal = claim_decisions.find_proposals(shown=[claim]).get(claim.uid)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Claim #{claim.pk}",
            "claim": claim,
            "days": count_days(claim, now=timezone.now()),
            "left": claims.find_credit_max(claim=claim),
            "credit": None if claim.credit is None else Money(claim.credit, claim.currency),
            "attempt": claim.job.billable_attempt_id,
            "entries": claims.list_entries(claim=claim),
            "alone": Money(claim_decisions.find_alone_max(claim.currency), claim.currency),
            "proposal": proposal,
            "proposed_by": name_person(proposal.prepared_by) if proposal else "",
            "form": form if may_decide else None,
        }
        return TemplateResponse(request, "admin/workers/claim.html", context)

    def _decide(self, request: HttpRequest, user: User, claim: AnswerClaim, form: DecisionForm) -> bool:
        given = form.cleaned_data
        try:
            done = claim_decisions.decide_claim(
                claim=claim,
                credit=given["credit"],
                borne_by=Bearer(given["borne_by"]),
                reason=given["reason"],
                actor=Actor.from_user(user),
                now=timezone.now(),
            )
        except DomainError as refusal:
            messages.error(request, str(refusal))
            return False
        if done.state in claims.WAITING:
            messages.success(request, "A second operator is asked to approve this credit.")
        return True


def find_claim(number: int) -> AnswerClaim:
    """
    A claim with its files.

    :raises Http404: if there is no such claim
    """
    claim = claims.list_all().filter(pk=number).first()
    if claim is None:
        raise Http404
    return claim


def count_days(claim: AnswerClaim, *, now: datetime) -> int:
    """Whole days from its opening to its end, or to now."""
    return ((claim.closed_at or now) - claim.opened_at).days

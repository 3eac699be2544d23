"""Claims in the console: a buyer's own and those about a provider's answers; one form each."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import access
from accounts.access import Permission
from accounts.models import Organization
from accounts.pages.base import OrganizationPage
from accounts.pages.files import FilesField
from billing.explaining import explain
from core.errors import DomainError
from core.file_answers import answer_file
from core.money import Money
from workers import claims, usage
from workers.evidence import BOUNDS
from workers.models import AnswerClaim
from workers.models.claim import EVIDENCE_LENGTH_MAX, TEXT_LENGTH_MAX

SHOWN_MAX = 100
FILES_HELP = gettext_lazy("Text, JSON, PNG, JPEG or PDF: 2 MB each, 5 of each side, who both read them.")
REASONS = {
    "WRONG": gettext_lazy("The answer is wrong"),
    "INCOMPLETE": gettext_lazy("The answer is not complete"),
    "GARBLED": gettext_lazy("The answer is garbled"),
    "OTHER_MODEL": gettext_lazy("Another model answered"),
    "SLOW": gettext_lazy("It took too long"),
    "OTHER": gettext_lazy("Something else"),
}
STATES = {
    "OPEN": gettext_lazy("The provider is asked"),
    "ANSWERED": gettext_lazy("Being decided"),
    "DECIDED": gettext_lazy("Decided"),
    "WITHDRAWN": gettext_lazy("Withdrawn"),
}


REFUSALS = {
    "claim_exists": gettext_lazy("You claimed about this answer before; a claim is decided once."),
    "claim_closed": gettext_lazy("This claim was answered or closed before."),
    "too_many_files": gettext_lazy("Each side shows five files at most."),
}


class FilesForm(forms.Form):
    """More evidence."""

    attached = FilesField(bounds=BOUNDS, label=gettext_lazy("Files"), help_text=FILES_HELP)


class ClaimForm(forms.Form):
    """What is wrong with an answer."""

    reason = forms.ChoiceField(label=gettext_lazy("What is wrong"), choices=list(REASONS.items()))
    text = forms.CharField(
        label=gettext_lazy("Tell us more"),
        max_length=TEXT_LENGTH_MAX,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=gettext_lazy("The provider reads it, without your name."),
    )
    evidence = forms.CharField(
        label=gettext_lazy("Evidence"),
        max_length=EVIDENCE_LENGTH_MAX,
        required=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=gettext_lazy("Such as the prompt and the answer, which we do not keep."),
    )
    attached = FilesField(bounds=BOUNDS, label=gettext_lazy("Files"), required=False, help_text=FILES_HELP)


class AnswerForm(forms.Form):
    """What a provider makes of a claim."""

    answer = forms.CharField(
        label=gettext_lazy("Your answer"),
        max_length=TEXT_LENGTH_MAX,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("The buyer and our operators read it. You answer once."),
    )


class ClaimsPage(OrganizationPage):
    """Claims of the organization, and those about its answers."""

    template_name = "workers/claims.html"
    needs = Permission.VIEW_MONEY
    tab = "wallet"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Both lists, newest first."""
        opened = claims.list_opened(organization=self.organization)
        received = claims.list_received(organization=self.organization)
        context = {
            "opened": [describe(one) for one in opened.order_by("-pk")[:SHOWN_MAX]],
            "received": [describe(one) for one in received.order_by("-pk")[:SHOWN_MAX]],
        }
        return super().get_context_data(**kwargs, **context)


class ClaimNewPage(OrganizationPage):
    """The form of a claim about one job's answer."""

    template_name = "workers/claim_form.html"
    needs = Permission.MANAGE_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "wallet"

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Open the claim."""
        form = ClaimForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._refuse(form, 422)
        said = form.cleaned_data
        files = said.pop("attached")
        wish = claims.Wish(job=self.kwargs["job"], files=files, **said)
        try:
            made = claims.open_claim(
                organization=self.organization, wish=wish, actor=self.actor, now=timezone.now()
            )
        except DomainError as refusal:
            form.add_error(None, say(refusal))
            return self._refuse(form, refusal.status)
        messages.success(request, _("The provider is asked; then we decide."))
        return redirect("claim-page", self.organization.uid, made.uid)

    def _refuse(self, form: ClaimForm, status: int) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=status)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The job and the form; foreign jobs are not found."""
        rows = usage.list_used_jobs(organization=self.organization).select_related("model")
        job = access.get_or_refuse(rows, uid=self.kwargs["job"])
        form = kwargs.pop("form", None) or ClaimForm()
        return super().get_context_data(**{**kwargs, "job": job, "form": form})


class ClaimPage(OrganizationPage):
    """One claim: all that was said; its buyer may withdraw it, its provider answers."""

    template_name = "workers/claim.html"
    needs = Permission.VIEW_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "wallet"

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Answer, or withdraw."""
        claim, now = self._find(), timezone.now()
        form = AnswerForm(request.POST)
        try:
            if self._is_buyer(claim):
                claims.withdraw_claim(claim=claim, actor=self.actor, now=now)
            elif form.is_valid():
                claims.answer_claim(
                    claim=claim, answer=form.cleaned_data["answer"], actor=self.actor, now=now
                )
            else:
                return self.render_to_response(self.get_context_data(form=form), status=422)
        except DomainError as refusal:
            messages.error(request, say(refusal))
        return redirect("claim-page", self.organization.uid, claim.uid)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The claim, from the side of whoever looks."""
        claim = self._find()
        context = describe(claim) | {
            "mine": self._is_buyer(claim),
            "may_act": Permission.MANAGE_MONEY in self.granted,
            "waiting": claim.state in claims.WAITING,
            "form": kwargs.pop("form", None) or AnswerForm(),
            "files_form": kwargs.pop("files_form", None) or FilesForm(),
        }
        return super().get_context_data(**{**kwargs, **context})

    def _is_buyer(self, claim: AnswerClaim) -> bool:
        return claim.organization_id == self.organization.pk

    def _find(self) -> AnswerClaim:
        return find_claim(self.organization, self.kwargs["claim"])


class ClaimFilesPage(ClaimPage):
    """Where more files are sent; the page is the claim's."""

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Add the files."""
        claim = self._find()
        form = FilesForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(files_form=form), status=422)
        try:
            claims.add_files(
                claim=claim,
                side=claims.Side.BUYER if self._is_buyer(claim) else claims.Side.PROVIDER,
                files=form.cleaned_data["attached"],
                actor=self.actor,
                now=timezone.now(),
            )
        except DomainError as refusal:
            messages.error(request, say(refusal))
        return redirect("claim-page", self.organization.uid, claim.uid)


class ClaimFilePage(OrganizationPage):
    """One file of a claim, for its buyer and its provider."""

    needs = Permission.VIEW_MONEY

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Download it."""
        claim = find_claim(self.organization, self.kwargs["claim"])
        return answer_file(claims.read_file(claim=claim, uid=self.kwargs["file"]))


def find_claim(organization: Organization, uid: UUID) -> AnswerClaim:
    """
    A claim of an organization, or about one of its answers.

    :raises core.errors.NotFound: if it has no such claim
    """
    opened = claims.list_opened(organization=organization)
    both = opened | claims.list_received(organization=organization)
    return access.get_or_refuse(both, uid=uid)


def say(refusal: DomainError) -> str:
    """A refusal in the reader's language, where there are words for it."""
    return str(REFUSALS.get(refusal.code) or explain(refusal))


def describe(claim: AnswerClaim) -> dict[str, Any]:
    """A claim for people: itself, its reason and state in words, and what was credited."""
    return {
        "claim": claim,
        "reason": REASONS[claim.reason],
        "state": STATES[claim.state],
        "credit": None if claim.credit is None else Money(claim.credit, claim.currency),
    }

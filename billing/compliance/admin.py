"""Operators' pages of checks, hits and freezes."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from accounts.models import Organization, User
from billing.compliance import checks, documents, judging, screening, standing, tax_numbers
from billing.links import BooksAdmin, link
from billing.models import ComplianceDocument, ComplianceStep, Freeze, SanctionsList, Screening, TaxNumber
from core.errors import DomainError
from core.file_answers import answer_file
from core.money import Money

STEPS_SHOWN, SCREENINGS_SHOWN = 50, 20


class StepForm(forms.Form):
    """An operator's step of one check: what may follow from where it is."""

    kind = forms.CharField(widget=forms.HiddenInput)
    state = forms.ChoiceField(label=_("Decision"))
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=checks.TEXT_MAX,
        help_text=_("The organization reads it. Needed to refuse."),
    )
    valid_until = forms.DateField(
        label=_("Holds until"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    withholding_bps = forms.IntegerField(
        label=_("Tax withheld of payouts"),
        min_value=0,
        max_value=10_000,
        initial=0,
        help_text=_("In hundredths of a per cent: 1050 is 10.5 %. With an accepted tax form."),
    )

    def __init__(self, data: Any, *, step: ComplianceStep) -> None:
        super().__init__(data, initial={"kind": step.kind}, auto_id=f"{step.kind.lower()}_%s")
        field = self.fields["state"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - it is declared above
        field.choices = judging.list_decisions(step)
        if step.kind != ComplianceStep.Kind.TAX_FORM:
            del self.fields["withholding_bps"]


@admin.register(ComplianceStep)
class ComplianceStepAdmin(BooksAdmin):
    """Steps of checks, and the page on which an organization is judged."""

    list_display = ("id", "judge", "kind", "state", "form", "withholding_bps", "valid_until", "made_at")
    list_filter = ("kind", "state")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "organization__uid")

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the one of an organization."""
        view = self.admin_site.admin_view
        return [
            path("judge/<int:organization>/", view(self.judge_organization), name="billing_judge"),
            path("papers/<uuid:uid>/", view(self.give_paper), name="billing_check_paper"),
            *super().get_urls(),
        ]

    @admin.display(description="organization")
    def judge(self, step: ComplianceStep) -> SafeString:
        """To where it is judged."""
        return link("admin:billing_judge", step.organization_id, step.organization.name)

    def judge_organization(self, request: HttpRequest, organization: int) -> HttpResponse:
        """
        What was handed in, what the lists say, and the operator's word.

        :raises PermissionDenied: for staff who may not look at it
        :raises Http404: if there is no such organization
        """
        user = request.user
        if not isinstance(user, User) or not self.has_view_permission(request):
            raise PermissionDenied
        found = Organization.objects.filter(pk=organization).first()
        if found is None:
            raise Http404
        newest = checks.find_newest(organization_ids=[found.pk]).get(found.pk, {})
        decisions = {
            kind: StepForm(request.POST if request.POST.get("kind") == kind else None, step=step)
            for kind, step in newest.items()
            if judging.list_decisions(step)
        }
        number = self._show_number(request, user, found) if "tax_number" in request.POST else ""
        if not number and request.method == "POST" and self._act(request, user, found, decisions):
            return HttpResponseRedirect(reverse("admin:billing_judge", args=[found.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": found.name,
            "organization": found,
            "decisions": [(judging.KINDS[kind], form) for kind, form in decisions.items()],
            **_describe(found),
            "number": number,
            "shown": request.POST.get("tax_number", ""),
            "may_read_papers": user.has_perm("billing.view_compliancedocument"),
            "may_read_numbers": user.has_perm("billing.view_taxnumber"),
            "may_decide": user.has_perm("billing.add_compliancestep"),
        }
        return TemplateResponse(request, "admin/billing/compliance/judge.html", context)

    def give_paper(self, request: HttpRequest, uid: UUID) -> HttpResponse:
        """
        A paper of a check, to keep; who reads it is on record.

        :raises PermissionDenied: for staff who may not read papers
        :raises Http404: if there is no such paper
        """
        user = request.user
        if not isinstance(user, User) or not user.has_perm("billing.view_compliancedocument"):
            raise PermissionDenied
        found = get_object_or_404(ComplianceDocument, uid=uid)
        read = documents.read(document=found, actor=Actor.from_user(user), now=timezone.now())
        return answer_file(read)

    def _show_number(self, request: HttpRequest, user: User, organization: Organization) -> str:
        """A tax number in full, for the one page that asked for it."""
        if not user.has_perm("billing.view_taxnumber"):
            raise PermissionDenied
        found = get_object_or_404(
            TaxNumber.objects.select_related("organization"),
            organization=organization,
            uid=_read_uid(request.POST["tax_number"]),
        )
        return tax_numbers.read(number=found, actor=Actor.from_user(user), now=timezone.now())

    def _act(
        self, request: HttpRequest, user: User, organization: Organization, decisions: dict[str, StepForm]
    ) -> bool:
        if not user.has_perm("billing.add_compliancestep"):
            raise PermissionDenied
        actor, now = Actor.from_user(user), timezone.now()
        try:
            if "screening" in request.POST:
                screening.decide(
                    organization=organization,
                    dismiss=request.POST["screening"] == "dismiss",
                    reason=request.POST.get("reason", ""),
                    actor=actor,
                    now=now,
                )
            elif (form := decisions.get(request.POST.get("kind", ""))) is None:
                messages.error(request, _("There is nothing to decide about this check."))
            elif form.is_valid():
                given: dict[str, Any] = form.cleaned_data
                checks.decide(organization=organization, actor=actor, now=now, **given)
            else:
                return False
        except DomainError as error:
            messages.error(request, str(error))
        return True


def _describe(organization: Organization) -> dict[str, Any]:
    """How an organization stands, and everything behind it, in words."""
    stands = standing.find_standing(organization_id=organization.pk, now=timezone.now())
    screenings = list(Screening.objects.filter(organization=organization).order_by("-id")[:SCREENINGS_SHOWN])
    freezes = Freeze.objects.filter(organization=organization).select_related("account").order_by("-id")
    steps = ComplianceStep.objects.filter(organization=organization).order_by("-id")[:STEPS_SHOWN]
    return {
        "standing": stands,
        "reasons": [judging.REASONS[reason] for reason in stands.reasons],
        "yes_no": f"{_('yes')},{_('no')}",
        "steps": [(step, judging.KINDS[step.kind], judging.STATES[step.state]) for step in steps],
        "screenings": [(row, judging.SCREENINGS[row.state]) for row in screenings],
        "is_hit": bool(screenings) and screenings[0].state == Screening.State.HIT,
        "freezes": [(row, Money(row.frozen, row.account.currency)) for row in freezes],
    }


def _read_uid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


@admin.register(Screening)
class ScreeningAdmin(BooksAdmin):
    """Comparisons of names with the lists."""

    list_display = ("id", "judge", "name", "state", "score", "matched", "source", "made_at")
    list_filter = ("state",)
    list_select_related = ("organization",)
    search_fields = ("name", "matched", "organization__uid")

    @admin.display(description="organization")
    def judge(self, row: Screening) -> SafeString:
        """To where it is judged."""
        return link("admin:billing_judge", row.organization_id, row.organization.name)


@admin.register(SanctionsList)
class SanctionsListAdmin(BooksAdmin):
    """Lists that were loaded."""

    list_display = ("id", "source", "dated", "names", "sha256", "loaded_at")
    search_fields = ("source", "sha256")


@admin.register(Freeze)
class FreezeAdmin(BooksAdmin):
    """Money that may not move, or could not."""

    list_display = (
        "id",
        "judge",
        "account",
        "frozen",
        "released",
        "reason",
        "made_at",
        "ended_at",
        "approval",
    )
    list_filter = (("ended_at", admin.EmptyFieldListFilter),)
    list_select_related = ("organization", "account", "approval")
    search_fields = ("uid", "organization__name", "organization__uid")

    @admin.display(description="organization")
    def judge(self, row: Freeze) -> SafeString:
        """To where it is judged."""
        return link("admin:billing_judge", row.organization_id, row.organization.name)

"""Operators' pages of checks, hits and freezes."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.audit import Actor
from accounts.models import Organization, User
from billing.compliance import checks, screening, standing
from billing.links import BooksAdmin, link
from billing.models import ComplianceStep, Freeze, SanctionsList, Screening
from core.errors import DomainError


class StepForm(forms.Form):
    """An operator's step of a check."""

    kind = forms.ChoiceField(choices=ComplianceStep.Kind.choices)
    state = forms.ChoiceField(
        choices=[one for one in ComplianceStep.State.choices if one[0] != ComplianceStep.State.SUBMITTED]
    )
    reason = forms.CharField(required=False, max_length=checks.TEXT_MAX)
    valid_until = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    withholding_bps = forms.IntegerField(min_value=0, max_value=10_000, initial=0)


@admin.register(ComplianceStep)
class ComplianceStepAdmin(BooksAdmin):
    """Steps of checks, and the page on which an organization is judged."""

    list_display = ("id", "judge", "kind", "state", "form", "withholding_bps", "valid_until", "made_at")
    list_filter = ("kind", "state")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "organization__uid")

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the one of an organization."""
        page = self.admin_site.admin_view(self.judge_organization)
        return [path("judge/<int:organization>/", page, name="billing_judge"), *super().get_urls()]

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
        form = StepForm(request.POST if "state" in request.POST else None)
        if request.method == "POST" and self._act(request, user, found, form):
            return HttpResponseRedirect(reverse("admin:billing_judge", args=[found.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": found.name,
            "organization": found,
            "form": form,
            "standing": standing.find_standing(organization_id=found.pk, now=timezone.now()),
            "steps": ComplianceStep.objects.filter(organization=found).order_by("-id")[:50],
            "screenings": Screening.objects.filter(organization=found).order_by("-id")[:20],
            "freezes": Freeze.objects.filter(organization=found).select_related("account").order_by("-id"),
            "may_decide": user.has_perm("billing.add_compliancestep"),
        }
        return TemplateResponse(request, "admin/billing/compliance/judge.html", context)

    def _act(self, request: HttpRequest, user: User, organization: Organization, form: StepForm) -> bool:
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
            elif form.is_valid():
                given: dict[str, Any] = form.cleaned_data
                checks.decide(organization=organization, actor=actor, now=now, **given)
            else:
                return False
        except DomainError as error:
            messages.error(request, str(error))
        return True


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

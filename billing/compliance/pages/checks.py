"""What has to be known before a provider is paid: how far each check is, and the forms to hand in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from billing.compliance import checks, documents, standing, tax_forms
from billing.compliance.pages.forms import CheckForm, IdentityForm, TaxFormForm
from billing.compliance.pages.words import FROZEN, LOOKS, NAME_NEXT, NEXT, REFUSALS, STAGES, Word
from billing.compliance.stages import Stage, find_name_stage, find_stage
from billing.models import ComplianceStep, Screening
from billing.rails.pages.words import RAILS, name_refusal
from billing.settlement import readiness, terms, words
from billing.settlement.pages.setbacks import describe_stripe
from core.errors import DomainError
from core.file_answers import answer_file

Kind = ComplianceStep.Kind
TITLES: dict[str, Word] = {
    Kind.IDENTITY: gettext_lazy("Who you are"),
    Kind.TAX_FORM: gettext_lazy("Tax form"),
}
type Papers = Sequence[Mapping[str, Any]]
PAGES = {Kind.IDENTITY: "identity-check-page", Kind.TAX_FORM: "tax-form-page"}


@dataclass(frozen=True, slots=True)
class Check:
    """A check as it is told: `page` is where it can be handed in, if it can be now."""

    title: Word
    stage: Stage
    next: Word
    page: str = ""
    step: ComplianceStep | None = None

    @property
    def word(self) -> Word:
        """What its stage is called."""
        return STAGES[self.stage]

    @property
    def look(self) -> str:
        """The class of its badge."""
        return f"badge-{LOOKS[self.stage]}" if LOOKS[self.stage] else ""


def describe(kind: str, step: ComplianceStep | None, *, now: datetime) -> Check:
    """A check of identity or tax by its newest step."""
    stage = find_stage(step, now=now)
    page = PAGES[Kind(kind)] if checks.may_submit(step, kind=kind) else ""
    return Check(TITLES[kind], stage, NEXT[stage], page, step)


class ChecksPage(OrganizationPage):
    """Whether the organization is paid, and each thing that it takes."""

    template_name = "billing/compliance/checks.html"
    needs = Permission.VIEW_MONEY
    tab = "earnings"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Checks, ways to be paid, the schedule, and what waits."""
        now, one = timezone.now(), self.organization.pk
        steps = checks.find_newest(organization_ids=[one]).get(one, {})
        newest = Screening.objects.filter(organization=self.organization).order_by("-id").first()
        name = find_name_stage(newest)
        stands = readiness.find_readiness(organization_id=one, now=now)
        context = {
            "checks": [describe(kind, steps.get(kind), now=now) for kind in (Kind.IDENTITY, Kind.TAX_FORM)]
            + [Check(gettext_lazy("Your organization’s name"), name, NAME_NEXT[name])],
            "frozen": FROZEN if standing.FROZEN in stands.standing.reasons else "",
            "readiness": stands,
            "told": describe_stripe(self.organization, stands),
            "forms": tax_forms.list_forms(country=self.organization.country),
            "withheld": Decimal(stands.standing.withholding_bps) / 10_000,
            "ways": [
                (way.method, RAILS.get(way.method.rail, way.method.rail), name_refusal(way.refusal))
                for way in stands.ways
            ],
            "schedule": words.SCHEDULES[terms.find_schedule(organization_id=one)],
            "may_change": Permission.MANAGE_MONEY in self.granted,
        }
        return super().get_context_data(**{**kwargs, **context})


class SubmitPage(OrganizationPage):
    """The form of one check."""

    template_name = "billing/compliance/submit.html"
    needs = Permission.MANAGE_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "earnings"
    kind: ClassVar[str]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, or why there is none at the moment."""
        one = self.organization.pk
        step = checks.find_newest(organization_ids=[one]).get(one, {}).get(self.kind)
        context: dict[str, Any] = {"check": describe(self.kind, step, now=timezone.now())}
        if "form" not in kwargs:
            context |= {"form": self.make_form(papers=documents.list_named(step))}
        return super().get_context_data(**{**kwargs, **context})

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Hand it in, or show what is wrong beside the field."""
        one, now = self.organization, timezone.now()
        step = checks.find_newest(organization_ids=[one.pk]).get(one.pk, {}).get(self.kind)
        form = self.make_form(request.POST, request.FILES, papers=documents.list_named(step))
        if form.is_valid():
            try:
                checks.submit(
                    organization=one,
                    kind=self.kind,
                    files=form.cleaned_data["papers"],
                    papers=documents.find(organization=one, uids=form.list_kept()),
                    actor=self.actor,
                    now=now,
                    **self.read_form(form, now),
                )
            except DomainError as refusal:
                form.add_error(None, say(refusal))
            else:
                messages.success(request, _("Handed in. We look at it, and tell here what came of it."))
                return redirect("checks-page", self.organization.uid)
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def make_form(self, *args: Any, papers: Papers) -> CheckForm:
        """The form of this check, with the papers that it took before."""
        raise NotImplementedError

    def read_form(self, form: Any, now: datetime) -> dict[str, Any]:
        """What of it is handed in."""
        raise NotImplementedError


class IdentityPage(SubmitPage):
    """Who the organization is."""

    kind = Kind.IDENTITY

    def make_form(self, *args: Any, papers: Papers) -> CheckForm:
        """Its name is known already."""
        return IdentityForm(*args, before=papers, initial={"name": self.organization.name})

    def read_form(self, form: IdentityForm, now: datetime) -> dict[str, Any]:
        """Texts alone."""
        return {"evidence": form.list_evidence()}


class TaxFormPage(SubmitPage):
    """Where it is taxed: one of the forms for payees of its country, signed."""

    kind = Kind.TAX_FORM

    def make_form(self, *args: Any, papers: Papers) -> CheckForm:
        """The forms of its country, its own first."""
        listed = tax_forms.list_forms(country=self.organization.country)
        initial = {"name": self.organization.name, "signer": self.person.name}
        return TaxFormForm(*args, before=papers, listed=listed, initial=initial)

    def read_form(self, form: TaxFormForm, now: datetime) -> dict[str, Any]:
        """Which form, what was signed, and the number apart."""
        given, evidence = form.cleaned_data, form.list_evidence(person=self.person, now=now)
        return {"form": given["form"], "evidence": evidence, "tax_number": given["number"]}


class PaperPage(OrganizationPage):
    """A paper that the organization handed in, to keep."""

    needs = Permission.MANAGE_MONEY
    tab = "earnings"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Download it; who reads it is on record."""
        [found] = documents.find(organization=self.organization, uids=[self.kwargs["document"]])
        return answer_file(documents.read(document=found, actor=self.actor, now=timezone.now()))


def say(refusal: DomainError) -> str:
    """A refusal in the reader's language, where there are words for it."""
    return str(REFUSALS.get(refusal.code) or refusal.message)

"""Checks before payouts: handed in by organizations; decided, with hits and freezes, by operators."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import AmountField
from accounts.api.filters import Choice, Filters, Since, Until
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from accounts.models import Organization
from billing.compliance import checks, documents, freezes, screening, standing, tax_forms, tax_numbers
from billing.models import ComplianceStep, Freeze, LedgerAccount, Screening


class CheckRequest(serializers.Serializer[Any]):
    """A check: what the organization says, papers it has handed in, and where an operator finds others."""

    kind = serializers.ChoiceField(choices=ComplianceStep.Kind.choices)
    form = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=40, help_text="Of a tax form: W-9, W-8BEN-E."
    )
    evidence = serializers.ListField(
        child=serializers.CharField(max_length=checks.TEXT_MAX),
        required=False,
        default=list,
        max_length=checks.EVIDENCE_MAX,
        help_text="What it says of itself, and documents that lie elsewhere: what they are, and where.",
    )
    documents = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        default=list,
        max_length=documents.BOUNDS.count_max,
        help_text="Papers that were handed in at /api/compliance/documents.",
    )
    tax_number = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=tax_numbers.LENGTH_MAX,
        help_text="With a tax form. It is kept encrypted, and shown by its end.",
    )


class CheckAnswer(serializers.Serializer[Any]):
    """One step of a check."""

    uid = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.CharField()
    form = serializers.CharField()
    withholding_bps = serializers.IntegerField(help_text="Hundredths of a per cent of what is paid.")
    reason = serializers.CharField()
    valid_until = serializers.DateField(allow_null=True)
    made_at = serializers.DateTimeField()


class StandingAnswer(serializers.Serializer[Any]):
    """What an organization may, and what is missing."""

    may_receive = serializers.BooleanField()
    may_fund = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField())
    withholding_bps = serializers.IntegerField()
    forms = serializers.ListField(child=serializers.CharField(), help_text="Tax forms of its country.")
    steps = CheckAnswer(many=True)


class DecisionRequest(serializers.Serializer[Any]):
    """An operator's step of a check."""

    kind = serializers.ChoiceField(choices=ComplianceStep.Kind.choices)
    state = serializers.ChoiceField(
        choices=[one for one in ComplianceStep.State.values if one != ComplianceStep.State.SUBMITTED]
    )
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=checks.TEXT_MAX)
    valid_until = serializers.DateField(required=False, default=None, allow_null=True)
    withholding_bps = serializers.IntegerField(required=False, default=0, min_value=0, max_value=10_000)


class OperatorCheckAnswer(CheckAnswer):
    """A step with whose it is and what was handed in."""

    organization = serializers.UUIDField(source="organization.uid")
    name = serializers.CharField(source="organization.name")
    evidence = serializers.JSONField()


class ScreeningAnswer(serializers.Serializer[Any]):
    """A comparison of a name with the lists."""

    uid = serializers.UUIDField()
    organization = serializers.UUIDField(source="organization.uid")
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=Screening.State.choices)
    score = serializers.CharField()
    matched = serializers.CharField()
    listed_by = serializers.CharField(source="source", help_text="The list, whose and of when.")
    reason = serializers.CharField()
    made_at = serializers.DateTimeField()


class ScreeningDecisionRequest(serializers.Serializer[Any]):
    """Whether a hit is the same party."""

    dismiss = serializers.BooleanField()
    reason = serializers.CharField(max_length=checks.TEXT_MAX)


class FreezeRequest(serializers.Serializer[Any]):
    """Whose money may not move."""

    account = serializers.CharField(max_length=200, help_text="Its code: liability:wallet:7:USD.")
    reason = serializers.CharField(max_length=checks.TEXT_MAX)


class ReleaseRequest(serializers.Serializer[Any]):
    """Where frozen money goes."""

    to = serializers.ChoiceField(choices=["OWNER", "AUTHORITY"])


class FreezeAnswer(serializers.Serializer[Any]):
    """Money that may not move, or could not."""

    uid = serializers.UUIDField()
    organization = serializers.UUIDField(source="organization.uid")
    account = serializers.CharField(source="account.code")
    currency = serializers.CharField(source="account.currency")
    reason = serializers.CharField()
    frozen = AmountField(minimum=None)
    released = AmountField(minimum=None)
    approval = serializers.UUIDField(source="approval.uid", allow_null=True, default=None)
    made_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class ReleasePreparedAnswer(serializers.Serializer[Any]):
    """A release that waits for its second person."""

    approval = serializers.UUIDField(source="uid")
    sha256 = serializers.CharField()
    state = serializers.CharField()


class Compliance(OrganizationView):
    """What the organization may, and what it handed in."""

    needs = {"GET": Permission.VIEW_MONEY, "POST": Permission.MANAGE_MONEY}

    @describe("compliance_read", "Checks before payouts", answer=StandingAnswer)
    def get(self, request: Request) -> Response:
        """What is missing before it can be paid, and every step so far."""
        return Response(_describe(self.caller().organization))

    @describe(
        "compliance_submit",
        "Hand in a check",
        request=CheckRequest,
        answer=StandingAnswer,
        refusals=(404, 409),
    )
    def post(self, request: Request) -> Response:
        """Name the papers; an operator looks at them."""
        wanted, caller = self.read(CheckRequest), self.caller()
        checks.submit(
            organization=caller.organization,
            kind=wanted["kind"],
            evidence=wanted["evidence"],
            papers=documents.find(organization=caller.organization, uids=wanted["documents"]),
            tax_number=wanted["tax_number"],
            form=wanted["form"],
            actor=caller.actor,
            now=timezone.now(),
        )
        return Response(_describe(caller.organization))


class CheckFilters(Filters):
    """What steps can be narrowed by."""

    state = Choice(ComplianceStep.State.values)
    kind = Choice(ComplianceStep.Kind.values)
    since = Since("made_at")
    until = Until("made_at")


class CheckList(OperatorView):
    """Every step of every check."""

    rights = {"GET": "billing.view_compliancestep"}

    @describe(
        "operator_checks_list",
        "Checks of organizations",
        answer=OperatorCheckAnswer,
        paged=True,
        filters=CheckFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = ComplianceStep.objects.select_related("organization")
        return self.show_page(rows, OperatorCheckAnswer, filters=CheckFilters)


class CheckDecision(OperatorView):
    """An operator's step."""

    rights = {"POST": "billing.add_compliancestep"}

    @describe(
        "operator_checks_decide",
        "Decide a check",
        request=DecisionRequest,
        answer=OperatorCheckAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Review, accept or refuse what the organization handed in."""
        wanted = self.read(DecisionRequest)
        organization = access.get_or_refuse(Organization.objects.all(), uid=uid)
        step = checks.decide(organization=organization, actor=self.actor(), now=timezone.now(), **wanted)
        return Response(OperatorCheckAnswer(step).data)


class ScreeningFilters(Filters):
    """What screenings can be narrowed by."""

    state = Choice(Screening.State.values)
    since = Since("made_at")
    until = Until("made_at")


class ScreeningList(OperatorView):
    """Comparisons with the lists of sanctions."""

    rights = {"GET": "billing.view_screening"}

    @describe(
        "operator_screenings_list",
        "Screenings",
        answer=ScreeningAnswer,
        paged=True,
        filters=ScreeningFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = Screening.objects.select_related("organization")
        return self.show_page(rows, ScreeningAnswer, filters=ScreeningFilters)


class ScreeningDecision(OperatorView):
    """The word about a hit."""

    rights = {"POST": "billing.add_screening"}

    @describe(
        "operator_screenings_decide",
        "Decide about a hit",
        request=ScreeningDecisionRequest,
        answer=ScreeningAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Dismiss it (another party of that name) or confirm it; logged with the reason."""
        wanted = self.read(ScreeningDecisionRequest)
        organization = access.get_or_refuse(Organization.objects.all(), uid=uid)
        made = screening.decide(organization=organization, actor=self.actor(), now=timezone.now(), **wanted)
        return Response(ScreeningAnswer(made).data)


class FreezeList(OperatorView):
    """Money that may not move."""

    rights = {"GET": "billing.view_freeze", "POST": "billing.add_freeze"}

    @describe(
        "operator_freezes_list",
        "Freezes",
        answer=FreezeAnswer,
        paged=True,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(
            Freeze.objects.select_related("organization", "account", "approval"), FreezeAnswer
        )

    @describe(
        "operator_freezes_create",
        "Freeze an account",
        request=FreezeRequest,
        answer=FreezeAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request) -> Response:
        """Freeze what is in it now, and what comes; a repeat freezes what has come since."""
        wanted = self.read(FreezeRequest)
        account = access.get_or_refuse(LedgerAccount.objects.all(), code=wanted["account"])
        made = freezes.freeze(
            account=account, reason=wanted["reason"], actor=self.actor(), now=timezone.now()
        )
        return Response(FreezeAnswer(made).data)


class FreezeReleasePreparation(OperatorView):
    """A release that somebody else has to approve."""

    rights = {"POST": "billing.change_freeze"}

    @describe(
        "operator_freezes_prepare_release",
        "Prepare the release of a freeze",
        request=ReleaseRequest,
        answer=ReleasePreparedAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Ask a second person to let it go."""
        standing_freeze = access.get_or_refuse(Freeze.objects.all(), uid=uid)
        wanted = self.read(ReleaseRequest)
        asked = freezes.prepare_release(
            standing=standing_freeze, to=wanted["to"], actor=self.actor(), now=timezone.now()
        )
        return Response(ReleasePreparedAnswer(asked).data)


class FreezeRelease(OperatorView):
    """The end of a freeze."""

    rights = {"POST": "billing.change_freeze"}

    @describe(
        "operator_freezes_release",
        "Release a freeze",
        request=ReleaseRequest,
        answer=FreezeAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Let go what a second person approved; a repeat answers the same."""
        standing_freeze = access.get_or_refuse(Freeze.objects.all(), uid=uid)
        wanted = self.read(ReleaseRequest)
        ended = freezes.release(
            standing=standing_freeze, to=wanted["to"], actor=self.actor(), now=timezone.now()
        )
        return Response(FreezeAnswer(ended).data)


def _describe(organization: Organization) -> dict[str, Any]:
    found = standing.find_standing(organization_id=organization.pk, now=timezone.now())
    steps = ComplianceStep.objects.filter(organization=organization).order_by("-id")[:100]
    body = {
        "may_receive": found.may_receive,
        "may_fund": found.may_fund,
        "reasons": list(found.reasons),
        "withholding_bps": found.withholding_bps,
        "forms": [form.code for form in tax_forms.list_forms(country=organization.country)],
        "steps": list(steps),
    }
    return dict(StandingAnswer(body).data)

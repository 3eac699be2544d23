"""Claims about answers, for their buyers, their providers and operators."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
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
from billing.bookings import Bearer
from workers import claim_decisions, claims
from workers.evidence import BOUNDS
from workers.models import AnswerClaim, ClaimEvidence
from workers.models.claim import EVIDENCE_LENGTH_MAX, TEXT_LENGTH_MAX


class AnswerClaimRequest(serializers.Serializer[Any]):
    """What is wrong with an answer."""

    job = serializers.UUIDField(help_text="The request whose answer it was: the answer names it.")
    reason = serializers.ChoiceField(choices=AnswerClaim.Reason.choices)
    text = serializers.CharField(
        max_length=TEXT_LENGTH_MAX, help_text="What was wrong; the provider reads it."
    )
    evidence = serializers.CharField(
        max_length=EVIDENCE_LENGTH_MAX,
        required=False,
        default="",
        allow_blank=True,
        help_text="Such as the prompt and the answer, which are kept nowhere else; the provider reads it.",
    )


class ClaimReplyRequest(serializers.Serializer[Any]):
    """What the provider makes of it."""

    answer = serializers.CharField(max_length=TEXT_LENGTH_MAX)


class ClaimDecisionRequest(serializers.Serializer[Any]):
    """What becomes of a claim."""

    credit = AmountField(help_text="In the wallet's currency; 0 turns the claim down.")
    borne_by = serializers.ChoiceField(choices=Bearer.choices, default=Bearer.PROVIDER)
    reason = serializers.CharField(max_length=TEXT_LENGTH_MAX, help_text="Buyer and provider read it.")


class ClaimFileAnswer(serializers.Serializer[Any]):
    """A file that one side shows."""

    uid = serializers.UUIDField()
    side = serializers.ChoiceField(choices=ClaimEvidence.Side.choices)
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=list(BOUNDS.kinds), help_text="By its content.")
    size = serializers.IntegerField(help_text="In bytes.")
    sha256 = serializers.CharField()
    added_at = serializers.DateTimeField()


class AnswerClaimAnswer(serializers.Serializer[Any]):
    """A claim, as far as it is."""

    uid = serializers.UUIDField()
    job = serializers.UUIDField(source="job.uid")
    model = serializers.CharField(source="job.model.slug")
    answered = serializers.DateTimeField(source="job.submitted_at", help_text="When the work was asked for.")
    reason = serializers.ChoiceField(choices=AnswerClaim.Reason.choices)
    text = serializers.CharField()
    evidence = serializers.CharField()
    files = ClaimFileAnswer(many=True, source="files.all")
    state = serializers.ChoiceField(choices=AnswerClaim.State.choices)
    opened_at = serializers.DateTimeField()
    answer = serializers.CharField(help_text="The provider's.")
    answered_at = serializers.DateTimeField(allow_null=True)
    credit = AmountField(allow_null=True, help_text="What the buyer got; null until it is decided.")
    currency = serializers.CharField()
    borne_by = serializers.CharField()
    decision = serializers.CharField(help_text="Why it was decided so.")
    closed_at = serializers.DateTimeField(allow_null=True)


class OperatorClaimAnswer(AnswerClaimAnswer):
    """A claim with those it is between."""

    buyer = serializers.CharField(source="organization.name")
    provider = serializers.CharField(source="provider.name")
    decided_by = serializers.SerializerMethodField()
    approved_by = serializers.SerializerMethodField()
    approval = serializers.SerializerMethodField()

    def get_decided_by(self, claim: AnswerClaim) -> str | None:
        """The operator's address."""
        return claim.decided_by.email if claim.decided_by else None

    def get_approved_by(self, claim: AnswerClaim) -> str | None:
        """The address of the second operator, where it took one."""
        return claim.approved_by.email if claim.approved_by else None

    def get_approval(self, claim: AnswerClaim) -> UUID | None:
        """The approval that the decision waits for."""
        proposal = self.context["proposals"].get(claim.uid)
        return proposal.uid if proposal else None


class ClaimFilters(Filters):
    """What claims can be narrowed by."""

    state = Choice(AnswerClaim.State.values)
    since = Since("opened_at")
    until = Until("opened_at")


class ClaimList(OrganizationView):
    """What the organization claimed."""

    needs = {"GET": Permission.VIEW_MONEY, "POST": Permission.MANAGE_MONEY}

    @describe("claims_list", "Claims", answer=AnswerClaimAnswer, paged=True, filters=ClaimFilters)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = claims.list_opened(organization=self.caller().organization)
        return self.show_page(rows, AnswerClaimAnswer, filters=ClaimFilters)

    @describe(
        "claims_open",
        "Claim that an answer was bad",
        request=AnswerClaimRequest,
        answer=AnswerClaimAnswer,
        status=201,
        refusals=(404, 409),
    )
    def post(self, request: Request) -> HttpResponse:
        """Once for each answer, within 60 days."""
        wanted, caller = self.read(AnswerClaimRequest), self.caller()

        def act() -> dict[str, Any]:
            opened = claims.open_claim(
                organization=caller.organization,
                wish=claims.Wish(**wanted),
                actor=caller.actor,
                now=timezone.now(),
            )
            return dict(AnswerClaimAnswer(opened).data)

        return self.create(act)


class ClaimDetail(OrganizationView):
    """One claim of the organization's."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("claims_read", "A claim", answer=AnswerClaimAnswer, refusals=(404,))
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it."""
        rows = claims.list_opened(organization=self.caller().organization)
        return Response(AnswerClaimAnswer(access.get_or_refuse(rows, uid=uid)).data)


class ClaimWithdrawal(OrganizationView):
    """Taking a claim back."""

    needs = {"POST": Permission.MANAGE_MONEY}

    @describe("claims_withdraw", "Withdraw a claim", answer=AnswerClaimAnswer, refusals=(404, 409))
    def post(self, request: Request, uid: UUID) -> Response:
        """Take it back, for good."""
        caller = self.caller()
        claim = access.get_or_refuse(claims.list_opened(organization=caller.organization), uid=uid)
        done = claims.withdraw_claim(claim=claim, actor=caller.actor, now=timezone.now())
        return Response(AnswerClaimAnswer(done).data)


class ReceivedClaimList(OrganizationView):
    """Claims about the organization's answers."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe(
        "claims_received",
        "Claims about my answers",
        answer=AnswerClaimAnswer,
        paged=True,
        filters=ClaimFilters,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first; who claims is not told."""
        rows = claims.list_received(organization=self.caller().organization)
        return self.show_page(rows, AnswerClaimAnswer, filters=ClaimFilters)


class ReceivedClaim(OrganizationView):
    """One claim about the organization's answers."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("claims_received_read", "A claim about my answer", answer=AnswerClaimAnswer, refusals=(404,))
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it; who claims is not told."""
        rows = claims.list_received(organization=self.caller().organization)
        return Response(AnswerClaimAnswer(access.get_or_refuse(rows, uid=uid)).data)


class ClaimReply(OrganizationView):
    """A provider's word."""

    needs = {"POST": Permission.MANAGE_MONEY}

    @describe(
        "claims_answer",
        "Answer a claim",
        request=ClaimReplyRequest,
        answer=AnswerClaimAnswer,
        refusals=(404, 409),
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Say what you make of it, once, before it is decided."""
        wanted, caller = self.read(ClaimReplyRequest), self.caller()
        claim = access.get_or_refuse(claims.list_received(organization=caller.organization), uid=uid)
        done = claims.answer_claim(
            claim=claim, answer=wanted["answer"], actor=caller.actor, now=timezone.now()
        )
        return Response(AnswerClaimAnswer(done).data)


class OperatorClaimList(OperatorView):
    """Every claim."""

    rights = {"GET": "workers.view_answerclaim"}

    @describe(
        "operator_claims_list",
        "Claims",
        answer=OperatorClaimAnswer,
        paged=True,
        filters=ClaimFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(
            claims.list_all(), OperatorClaimAnswer, filters=ClaimFilters, describe=name_proposals
        )


class OperatorClaim(OperatorView):
    """One claim."""

    rights = {"GET": "workers.view_answerclaim"}

    @describe(
        "operator_claims_read",
        "A claim",
        answer=OperatorClaimAnswer,
        refusals=(403, 404),
        organization=False,
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it, with whom it is between."""
        found = access.get_or_refuse(claims.list_all(), uid=uid)
        return Response(OperatorClaimAnswer(found, context=name_proposals([found])).data)


class ClaimDecision(OperatorView):
    """An operator's decision."""

    rights = {"POST": "workers.change_answerclaim"}

    @describe(
        "operator_claims_decide",
        "Decide a claim",
        request=ClaimDecisionRequest,
        answer=OperatorClaimAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """
        Credit nothing, a part, or all of what the buyer still pays for the answer.

        A large credit waits for a second operator: the claim is as it was, `approval` names what to approve.
        """
        wanted = self.read(ClaimDecisionRequest)
        claim = access.get_or_refuse(claims.list_all(), uid=uid)
        claim_decisions.decide_claim(
            claim=claim,
            credit=wanted["credit"],
            borne_by=Bearer(wanted["borne_by"]),
            reason=wanted["reason"],
            actor=self.actor(),
            now=timezone.now(),
        )
        done = access.get_or_refuse(claims.list_all(), uid=uid)
        return Response(OperatorClaimAnswer(done, context=name_proposals([done])).data)


def name_proposals(shown: list[AnswerClaim]) -> dict[str, Any]:
    """What the answers about claims need to name what waits for a second operator."""
    return {"proposals": claim_decisions.find_proposals(shown=shown)}

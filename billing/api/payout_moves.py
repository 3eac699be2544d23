"""For operators: everybody's payouts, and what became of each."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from billing.api.approvals import ApprovalAnswer
from billing.api.payouts import PayoutAnswer, PayoutFilters
from billing.models import Payout
from billing.settlement import payouts, steps

MOVE = "billing.change_payout"


class StepRequest(serializers.Serializer[Any]):
    """What became of a payout."""

    state = serializers.ChoiceField(choices=["SENT", "IN_TRANSIT", "PAID", "RETURNED", "FAILED"])
    reference = serializers.CharField(
        max_length=steps.REFERENCE_LENGTH_MAX,
        required=False,
        allow_blank=True,
        default="",
        help_text="What the rail calls it.",
    )
    reason = serializers.CharField(
        max_length=steps.REASON_LENGTH_MAX,
        required=False,
        allow_blank=True,
        default="",
        help_text="Needed if it came back.",
    )
    happened_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class PayoutStepAnswer(serializers.Serializer[Any]):
    """The payout as it is now, and what waits for a second person, if anything does."""

    payout = PayoutAnswer()
    approval = ApprovalAnswer(allow_null=True)


class OperatedPayoutList(OperatorView):
    """Everybody's payouts."""

    rights = {"GET": "billing.view_payout"}

    @describe(
        "operator_payouts_list",
        "Payouts of all providers",
        answer=PayoutAnswer,
        paged=True,
        filters=PayoutFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(Payout.objects.select_related("item"), PayoutAnswer, filters=PayoutFilters)


class PayoutSteps(OperatorView):
    """How a payout went on."""

    rights = {"POST": MOVE}

    @describe(
        "operator_payouts_move",
        "Note what became of a payout",
        request=StepRequest,
        answer={200: PayoutStepAnswer, 202: PayoutStepAnswer},
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """
        Note a step that an operator saw; what was noted before, or is behind, changes nothing.

        An end (PAID, RETURNED, FAILED) is answered with 202 and waits until another operator approves it.
        """
        wanted, now = self.read(StepRequest), timezone.now()
        asked = steps.note_step(
            payout=payouts.find_payout(uid=uid),
            state=Payout.State(wanted["state"]),
            reference=wanted["reference"],
            reason=wanted["reason"],
            happened_at=wanted["happened_at"] or now,
            actor=self.actor(),
            now=now,
        )
        answer = {"payout": payouts.find_payout(uid=uid), "approval": asked}
        return Response(PayoutStepAnswer(answer).data, status=202 if asked else 200)

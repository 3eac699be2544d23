"""For operators: what waits for a second person, and the decision."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.api.filters import Choice, Filters, Since, Until, Word
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from billing import approvals
from billing.models import Approval


class ApprovalDecisionRequest(serializers.Serializer[Any]):
    """Yes to exactly one content."""

    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", help_text="Of the content that was looked at.")
    note = serializers.CharField(
        max_length=approvals.NOTE_LENGTH_MAX, required=False, allow_blank=True, default=""
    )


class ApprovalRefusalRequest(serializers.Serializer[Any]):
    """No, with its reason."""

    note = serializers.CharField(max_length=approvals.NOTE_LENGTH_MAX)


class ApprovalAnswer(serializers.Serializer[Any]):
    """A content, who prepared it, and what was decided."""

    uid = serializers.UUIDField()
    kind = serializers.CharField()
    subject = serializers.CharField()
    content = serializers.JSONField(help_text="What is approved, whole.")
    sha256 = serializers.CharField(help_text="Of the content's canonical JSON.")
    state = serializers.ChoiceField(choices=Approval.State.choices)
    prepared_by = serializers.UUIDField()
    prepared_at = serializers.DateTimeField()
    approved_by = serializers.UUIDField(allow_null=True)
    approved_at = serializers.DateTimeField(allow_null=True)
    ended_by = serializers.UUIDField(allow_null=True, help_text="Who refused it, or took it back.")
    ended_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField()


class ApprovalFilters(Filters):
    """What approvals can be narrowed by."""

    state = Choice(Approval.State.values)
    kind = Word()
    subject = Word()
    since = Since("prepared_at")
    until = Until("prepared_at")


class ApprovalList(OperatorView):
    """What two people decide."""

    rights = {"GET": "billing.view_approval"}

    @describe(
        "operator_approvals_list",
        "Approvals",
        answer=ApprovalAnswer,
        paged=True,
        filters=ApprovalFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(Approval.objects.all(), ApprovalAnswer, filters=ApprovalFilters)


class ApprovalDetail(OperatorView):
    """One content."""

    rights = {"GET": "billing.view_approval"}

    @describe(
        "operator_approvals_read",
        "An approval",
        answer=ApprovalAnswer,
        refusals=(403, 404),
        organization=False,
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it with its content."""
        return Response(ApprovalAnswer(_find(uid)).data)


class ApprovalDecision(OperatorView):
    """The second person's yes."""

    rights = {"POST": approvals.RIGHT}

    @describe(
        "operator_approvals_approve",
        "Approve a content",
        request=ApprovalDecisionRequest,
        answer=ApprovalAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Approve exactly the content of this hash; whoever prepared it cannot."""
        wanted, approval = self.read(ApprovalDecisionRequest), _find(uid)
        decided = approvals.approve(
            approval=approval,
            sha256=wanted["sha256"],
            note=wanted["note"],
            actor=self.actor(),
            now=timezone.now(),
        )
        return Response(ApprovalAnswer(decided).data)


class ApprovalRefusal(OperatorView):
    """The second person's no."""

    rights = {"POST": approvals.RIGHT}

    @describe(
        "operator_approvals_reject",
        "Refuse a content",
        request=ApprovalRefusalRequest,
        answer=ApprovalAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Refuse it and say why."""
        wanted, approval = self.read(ApprovalRefusalRequest), _find(uid)
        decided = approvals.reject(
            approval=approval, note=wanted["note"], actor=self.actor(), now=timezone.now()
        )
        return Response(ApprovalAnswer(decided).data)


def _find(uid: UUID) -> Approval:
    return access.get_or_refuse(Approval.objects.all(), uid=uid)

"""For operators: the equations that must hold, with their numbers, and why one does not."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.api.fields import AmountField
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from billing.models import ReconciliationLine, ReconciliationRun
from billing.reconciliation import outside, runs


class EquationAnswer(serializers.Serializer[Any]):
    """One equation of one currency."""

    id = serializers.IntegerField()
    currency = serializers.CharField()
    equation = serializers.CharField()
    ours = AmountField(minimum=None, help_text="What the books say; of SAFEGUARDING what is owed.")
    theirs = AmountField(minimum=None, allow_null=True, help_text="Null where nobody else says anything.")
    difference = AmountField(minimum=None, allow_null=True)
    state = serializers.ChoiceField(choices=ReconciliationLine.State.choices)
    detail = serializers.JSONField(help_text="What the numbers are made of.")
    explanation = serializers.SerializerMethodField(
        help_text="Why it differs by this much; null if nobody said."
    )

    def get_explanation(self, line: ReconciliationLine) -> str | None:
        """The newest, if it is of this amount."""
        note = self.context.get("notes", {}).get(line.pk)
        return note.reason if note else None


class ReconciliationRunAnswer(serializers.Serializer[Any]):
    """All equations at one moment."""

    uid = serializers.UUIDField()
    made_at = serializers.DateTimeField()
    made_by = serializers.CharField()


class ReconciliationAnswer(ReconciliationRunAnswer):
    """All equations at one moment, with their numbers."""

    lines = serializers.SerializerMethodField()

    def get_lines(self, run: ReconciliationRun) -> list[dict[str, Any]]:
        """In the order in which they were written."""
        context = {"notes": runs.find_notes(run)}
        return [dict(EquationAnswer(line, context=context).data) for line in run.lines.order_by("id")]


class ExplanationRequest(serializers.Serializer[Any]):
    """Why two sides differ."""

    reason = serializers.CharField(max_length=runs.REASON_LENGTH_MAX)


class ReconciliationList(OperatorView):
    """Runs of reconciliation."""

    rights = {"GET": "billing.view_reconciliationrun", "POST": "billing.add_reconciliationrun"}

    @describe(
        "operator_reconciliation_list",
        "Reconciliations",
        answer=ReconciliationRunAnswer,
        paged=True,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(ReconciliationRun.objects.all(), ReconciliationRunAnswer)

    @describe(
        "operator_reconciliation_run",
        "Reconcile now",
        creates=False,
        answer=ReconciliationAnswer,
        status=201,
        refusals=(403,),
        organization=False,
    )
    def post(self, request: Request) -> Response:
        """Ask banks' statements, Stripe and our own lists, and write down every equation."""
        run = runs.reconcile(
            actor=self.actor(), now=timezone.now(), stripe=outside.ask_stripe(), chain=outside.ask_chain()
        )
        return Response(ReconciliationAnswer(run).data, status=201)


class ReconciliationDetail(OperatorView):
    """One run."""

    rights = {"GET": "billing.view_reconciliationrun"}

    @describe(
        "operator_reconciliation_read",
        "A reconciliation",
        answer=ReconciliationAnswer,
        refusals=(403, 404),
        organization=False,
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Read its equations with their numbers."""
        return Response(ReconciliationAnswer(runs.find_run(uid=uid)).data)


class EquationExplanation(OperatorView):
    """Why one equation of a run does not hold."""

    rights = {"POST": "billing.add_reconciliationnote"}

    @describe(
        "operator_reconciliation_explain",
        "Explain a difference",
        request=ExplanationRequest,
        answer=EquationAnswer,
        refusals=(403, 404),
        organization=False,
    )
    def post(self, request: Request, line: int) -> Response:
        """Say why two sides differ by exactly this; nothing is booked."""
        wanted = self.read(ExplanationRequest)
        row = access.get_or_refuse(ReconciliationLine.objects.select_related("run"), pk=line)
        note = runs.explain(line=row, reason=wanted["reason"], actor=self.actor(), now=timezone.now())
        return Response(EquationAnswer(row, context={"notes": {row.pk: note}}).data)

"""For operators: settlements from the draft to the last payout, and the terms of each currency."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import AmountField
from accounts.api.filters import Choice, Filters, Since, Until, Word
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from billing import approvals
from billing.api.payouts import SettlementAnswer
from billing.api.serializers import CURRENCY
from billing.models import Approval, PayoutSchedule, SettlementBatch
from billing.settlement import batches, execution, gates, terms
from billing.settlement.terms import Every, Terms

VIEW, CHANGE = "billing.view_settlementbatch", "billing.change_settlementbatch"
HOME = "HK"


class DraftRequest(serializers.Serializer[Any]):
    """What to count."""

    currency = serializers.RegexField(CURRENCY)
    every = serializers.ChoiceField(
        choices=PayoutSchedule.Every.choices,
        required=False,
        allow_null=True,
        default=None,
        help_text="Only providers whose turn it is by this schedule or a shorter one; all, if not said.",
    )
    entity = serializers.RegexField(r"^[A-Z]{2,12}$", default=HOME, help_text="Whose books.")


class BatchDecisionRequest(serializers.Serializer[Any]):
    """Yes to exactly one content."""

    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", help_text="Of the approval, as it was looked at.")
    note = serializers.CharField(
        max_length=approvals.NOTE_LENGTH_MAX, required=False, allow_blank=True, default=""
    )


class BatchVoidRequest(serializers.Serializer[Any]):
    """Why a batch is given up."""

    note = serializers.CharField(max_length=approvals.NOTE_LENGTH_MAX)


class BatchSumsAnswer(serializers.Serializer[Any]):
    """Totals of a batch."""

    items = serializers.IntegerField()
    paid = serializers.IntegerField()
    charges = serializers.IntegerField()
    balance = AmountField(minimum=None)
    held = AmountField()
    released = AmountField()
    tax = AmountField()
    fee = AmountField()
    amount = AmountField()
    carried = AmountField(minimum=None)


class BatchAnswer(serializers.Serializer[Any]):
    """A batch with its totals, and the approval that it waits for or has."""

    uid = serializers.UUIDField()
    period = serializers.CharField()
    currency = serializers.CharField()
    entity = serializers.CharField()
    cutoff_seq = serializers.IntegerField()
    state = serializers.ChoiceField(choices=SettlementBatch.State.choices)
    content_sha256 = serializers.CharField(allow_null=True)
    drafted_at = serializers.DateTimeField()
    prepared_by = serializers.UUIDField(allow_null=True)
    prepared_at = serializers.DateTimeField(allow_null=True)
    approved_by = serializers.UUIDField(allow_null=True)
    approved_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField()
    sums = serializers.SerializerMethodField()
    approval = serializers.SerializerMethodField()

    def get_sums(self, batch: SettlementBatch) -> dict[str, Any]:
        """Totals."""
        return dict(BatchSumsAnswer(batches.sum_up(batch)).data)

    def get_approval(self, batch: SettlementBatch) -> dict[str, str] | None:
        """The newest approval's uid, state and hash; null while it is a draft."""
        found = batches.find_approval(batch)
        if found is None:
            return None
        return {"uid": str(found.uid), "state": found.state, "sha256": found.sha256}


class SettlementTermsRequest(serializers.Serializer[Any]):
    """What is asked for in a currency."""

    minimum = AmountField(help_text="The least that is paid out.")
    fee = AmountField(help_text="What a payout costs the provider.")
    held_days = serializers.IntegerField(
        min_value=0,
        max_value=terms.HELD_DAYS_MAX,
        help_text="For which a new provider's earnings are kept back.",
    )
    held_max = AmountField(allow_null=True, help_text="At most so much of one provider; null for all of it.")


class SettlementTermsAnswer(serializers.Serializer[Any]):
    """What is asked for in a currency."""

    currency = serializers.CharField()
    minimum = AmountField()
    fee = AmountField()
    held_days = serializers.IntegerField()
    held_max = AmountField(allow_null=True)


class BatchFilters(Filters):
    """What batches can be narrowed by."""

    state = Choice(SettlementBatch.State.values)
    currency = Word()
    since = Since("drafted_at")
    until = Until("drafted_at")


class BatchList(OperatorView):
    """Settlements of all providers."""

    rights = {"GET": VIEW, "POST": CHANGE}

    @describe(
        "operator_settlements_list",
        "Settlement batches",
        answer=BatchAnswer,
        paged=True,
        filters=BatchFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(SettlementBatch.objects.all(), BatchAnswer, filters=BatchFilters)

    @describe(
        "operator_settlements_draft",
        "Draft a settlement",
        request=DraftRequest,
        answer=BatchAnswer,
        status=201,
        refusals=(403,),
        organization=False,
    )
    def post(self, request: Request) -> HttpResponse:
        """Count what is owed now, and reckon what each is paid. One batch of a currency at a time."""
        wanted = self.read(DraftRequest)

        def make() -> dict[str, Any]:
            made = batches.draft(
                currency=wanted["currency"],
                every=Every(wanted["every"]) if wanted["every"] else None,
                entity=wanted["entity"],
                ask=gates.ask,
                actor=self.actor(),
                now=timezone.now(),
            )
            return dict(BatchAnswer(made).data)

        return self.create(make)


class BatchDetail(OperatorView):
    """One batch."""

    rights = {"GET": VIEW}

    @describe(
        "operator_settlements_read",
        "A settlement batch",
        answer=BatchAnswer,
        refusals=(403, 404),
        organization=False,
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it with its totals."""
        return Response(BatchAnswer(batches.find_batch(uid=uid)).data)


class BatchItems(OperatorView):
    """Providers of a batch."""

    rights = {"GET": VIEW}

    @describe(
        "operator_settlements_items",
        "Items of a settlement batch",
        answer=SettlementAnswer,
        paged=True,
        refusals=(403, 404),
        organization=False,
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """List what each provider is owed and paid."""
        batch = batches.find_batch(uid=uid)
        rows = batch.items.select_related("batch", "payout").prefetch_related("lines")
        return self.show_page(rows, SettlementAnswer)


class BatchSubmission(OperatorView):
    """The end of a draft."""

    rights = {"POST": CHANGE}

    @describe(
        "operator_settlements_submit",
        "Submit a settlement",
        answer=BatchAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Fix the content; somebody else has to approve it."""
        batch = batches.find_batch(uid=uid)
        batches.submit(batch=batch, actor=self.actor(), now=timezone.now())
        return Response(BatchAnswer(batches.find_batch(uid=uid)).data)


class BatchDecision(OperatorView):
    """The second person's yes."""

    rights = {"POST": approvals.RIGHT}

    @describe(
        "operator_settlements_approve",
        "Approve a settlement",
        request=BatchDecisionRequest,
        answer=BatchAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Approve exactly what was submitted; whoever submitted it cannot."""
        wanted, batch = self.read(BatchDecisionRequest), batches.find_batch(uid=uid)
        asked = batches.find_approval(batch)
        if asked is None or asked.state != Approval.State.PENDING:
            raise batches.WrongState("This batch waits for nobody's approval.")
        approvals.approve(
            approval=asked,
            sha256=wanted["sha256"],
            note=wanted["note"],
            actor=self.actor(),
            now=timezone.now(),
        )
        return Response(BatchAnswer(batches.find_batch(uid=uid)).data)


class BatchVoid(OperatorView):
    """The end of a batch of which nothing was paid."""

    rights = {"POST": CHANGE}

    @describe(
        "operator_settlements_void",
        "Give a settlement up",
        request=BatchVoidRequest,
        answer=BatchAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Give it up; what is owed is counted again next time."""
        wanted, batch = self.read(BatchVoidRequest), batches.find_batch(uid=uid)
        batches.void(batch=batch, note=wanted["note"], actor=self.actor(), now=timezone.now())
        return Response(BatchAnswer(batches.find_batch(uid=uid)).data)


class BatchExecution(OperatorView):
    """The beginning of payment."""

    rights = {"POST": CHANGE}

    @describe(
        "operator_settlements_execute",
        "Carry a settlement out",
        answer=BatchAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Begin, or see how far it is; a task pays item by item, each once."""
        batch = batches.find_batch(uid=uid)
        execution.start(batch=batch, actor=self.actor(), now=timezone.now())
        return Response(BatchAnswer(batches.find_batch(uid=uid)).data)


class TermsDetail(OperatorView):
    """What is asked for in a currency."""

    rights = {"GET": "billing.view_payoutterm", "PUT": "billing.change_payoutterm"}

    @describe(
        "operator_payout_terms_read",
        "Terms of payouts",
        answer=SettlementTermsAnswer,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request, currency: str) -> Response:
        """Read them; nothing is asked for where none were set."""
        return Response(SettlementTermsAnswer(terms.find_terms(currency=currency)).data)

    @describe(
        "operator_payout_terms_change",
        "Change the terms of payouts",
        request=SettlementTermsRequest,
        answer=SettlementTermsAnswer,
        refusals=(403, 404),
        organization=False,
    )
    def put(self, request: Request, currency: str) -> Response:
        """Set them; batches that are drafted keep theirs."""
        wanted = self.read(SettlementTermsRequest)
        changed = terms.change_terms(terms=Terms(currency, **wanted), actor=self.actor(), now=timezone.now())
        return Response(SettlementTermsAnswer(changed).data)

"""For operators: periods of the books, prepared by one and closed once another approved."""

from datetime import date
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from billing.closing import periods
from billing.models import AccountingPeriod


class PeriodRequest(serializers.Serializer[Any]):
    """Up to when the books are closed."""

    ends_on = serializers.DateField(help_text="The last day (of UTC); it has to be over.")


class PeriodAnswer(serializers.Serializer[Any]):
    """A closed period; what is booked in it never changes again."""

    uid = serializers.UUIDField()
    starts_on = serializers.DateField()
    ends_on = serializers.DateField()
    last_seq = serializers.IntegerField(help_text="The last number in the ledger when it was closed.")
    sha256 = serializers.CharField(help_text="Of its closing balances, a line for each account.")
    approval = serializers.UUIDField(source="approval.uid")
    closed_at = serializers.DateTimeField()


class PreparedPeriodAnswer(serializers.Serializer[Any]):
    """A period that waits for its second person."""

    starts_on = serializers.DateField()
    ends_on = serializers.DateField()
    approval = serializers.UUIDField(source="approval.uid")
    state = serializers.CharField(source="approval.state", help_text="Of the approval.")
    sha256 = serializers.CharField(source="approval.sha256", help_text="Of the content that is approved.")


class PeriodList(OperatorView):
    """Closed periods, and the next one."""

    rights = {"GET": "billing.view_accountingperiod", "POST": "billing.add_accountingperiod"}

    @describe(
        "operator_periods_list",
        "Closed periods",
        answer=PeriodAnswer,
        paged=True,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(AccountingPeriod.objects.select_related("approval"), PeriodAnswer)

    @describe(
        "operator_periods_prepare",
        "Prepare the end of a period",
        request=PeriodRequest,
        answer=PreparedPeriodAnswer,
        refusals=(403, 409),
        organization=False,
    )
    def post(self, request: Request) -> Response:
        """Have exactly these balances approved by somebody else; entries that come meanwhile make it void."""
        wanted = self.read(PeriodRequest)
        prepared = periods.prepare(ends_on=wanted["ends_on"], actor=self.actor(), now=timezone.now())
        return Response(PreparedPeriodAnswer(prepared).data)


class PeriodClosing(OperatorView):
    """The end of a period."""

    rights = {"POST": "billing.add_accountingperiod"}

    @describe(
        "operator_periods_close",
        "Close a period",
        answer=PeriodAnswer,
        refusals=(403, 409, 422),
        organization=False,
    )
    def post(self, request: Request, ends_on: date) -> Response:
        """Close what was approved; a repeat answers the same period."""
        period = periods.close(ends_on=ends_on, actor=self.actor(), now=timezone.now())
        return Response(PeriodAnswer(period).data)

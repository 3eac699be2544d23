"""For operators: charges in quarantine, and the trial balance."""

from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.api.filters import Filters, Since, Until
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from billing import quarantine, trial_balance
from billing.api.serializers import QuarantinedChargeAnswer, RequeuedAnswer, TrialBalancesAnswer
from billing.closing import balances
from billing.models import BookingEntity, ChargeQuarantine


class QuarantineFilters(Filters):
    """What quarantined charges can be narrowed by."""

    since = Since("quarantined_at")
    until = Until("quarantined_at")


class QuarantineList(OperatorView):
    """Charges that the ledger refused."""

    rights = {"GET": "billing.view_chargequarantine"}

    @describe(
        "operator_quarantine_list",
        "Charges in quarantine",
        answer=QuarantinedChargeAnswer,
        paged=True,
        filters=QuarantineFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, by usage record; each waits here alone while its batch went on."""
        return self.show_page(
            ChargeQuarantine.objects.all(),
            QuarantinedChargeAnswer,
            filters=QuarantineFilters,
            key="usage_id",
            describe=lambda rows: {"charges": quarantine.find_charges(usages=[row.pk for row in rows])},
        )


class QuarantineRelease(OperatorView):
    """The way of a charge back into the queue."""

    rights = {"POST": "billing.change_chargequarantine"}

    @describe(
        "operator_quarantine_requeue",
        "Queue a quarantined charge again",
        answer=RequeuedAnswer,
        refusals=(403, 404),
        organization=False,
    )
    def post(self, request: Request, usage: int) -> Response:
        """Queue it: the cause is gone. It is posted within seconds, or comes back here."""
        row = access.get_or_refuse(ChargeQuarantine.objects.all(), pk=usage)
        quarantine.requeue(row=row, actor=self.actor(), now=timezone.now())
        return Response(RequeuedAnswer({"usage_id": row.pk}).data)


class PastRequest(serializers.Serializer[Any]):
    """Balances of when."""

    at = serializers.DateTimeField(required=False, default=None)
    day = serializers.DateField(required=False, default=None)
    entity = serializers.SlugRelatedField(
        queryset=BookingEntity.objects.all(), slug_field="code", required=False, default=None
    )


class TrialBalanceDetail(OperatorView):
    """Every account's balance."""

    rights = {"GET": "billing.view_ledgeraccount"}

    @describe(
        "operator_trial_balance",
        "Trial balance",
        answer=TrialBalancesAnswer,
        parameters=(
            OpenApiParameter("at", OpenApiTypes.DATETIME, description="As the books told it at this moment."),
            OpenApiParameter("day", OpenApiTypes.DATE, description="Booked up to the end of this day (UTC)."),
            OpenApiParameter(
                "entity",
                OpenApiTypes.STR,
                description="Only this booking entity's books; a last line says what is between entities.",
            ),
        ),
        refusals=(400, 403),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """One for each currency, of now or of the past; debit and credit come to the same."""
        asked = PastRequest(data=request.query_params)
        asked.is_valid(raise_exception=True)
        at, day = asked.validated_data["at"], asked.validated_data["day"]
        one = asked.validated_data["entity"]
        entity = one.code if one else None
        if at is not None:
            lines = balances.read_moment(moment=at, entity=entity)
            found = balances.make_balances(lines, of_one=bool(entity))
        elif day is not None:
            found = balances.make_balances(balances.read_day(day=day, entity=entity), of_one=bool(entity))
        else:
            found = trial_balance.read_trial_balances(entity=entity)
        return Response(TrialBalancesAnswer({"results": [one.to_dict() for one in found]}).data)

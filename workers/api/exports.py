"""For operators: electricity exported as computing."""

from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import AmountField, DecimalStringField
from accounts.api.filters import apply_filters
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from billing.statements.periods import read_period
from workers import exports
from workers.models import Attempt

PERIOD = (
    OpenApiParameter("since", OpenApiTypes.DATE, description="First day, of UTC; this month's without it."),
    OpenApiParameter("until", OpenApiTypes.DATE, description="The day after the last; tomorrow without it."),
)


class ExportAnswer(serializers.Serializer[Any]):
    """What buyers in one country used of another country's electricity, in one currency."""

    destination = serializers.CharField(help_text="The buyers' country.")
    origin = serializers.CharField(help_text="The sites' country.")
    currency = serializers.CharField()
    charges = serializers.IntegerField()
    amount = AmountField(help_text="What buyers were charged.")
    kwh = DecimalStringField(places=12, help_text="At the grid's meter.")
    gco2e = DecimalStringField(places=9, help_text="Location-based.")
    market_gco2e = DecimalStringField(places=9, allow_null=True, help_text="Market-based, of `market_kwh`.")
    market_kwh = DecimalStringField(places=12)
    heat_kwh = DecimalStringField(places=12)


class ExportsAnswer(serializers.Serializer[Any]):
    """By destination, origin and currency; `until` is not among the days."""

    since = serializers.DateField()
    until = serializers.DateField()
    results = ExportAnswer(many=True)


class ExportList(OperatorView):
    """Electricity exported as computing."""

    rights = {"GET": "billing.view_ledgeraccount"}

    @describe(
        "operator_exports",
        "Electricity exported as computing, by destination",
        answer=ExportsAnswer,
        refusals=(403, 422),
        parameters=PERIOD,
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """Sums of usage records whose buyer is in another country than the site; a country is today's."""
        names = frozenset(one.name for one in PERIOD)
        apply_filters(Attempt.objects.none(), request=request, kind=None, others=names)
        asked = request.query_params
        period = read_period(since=asked.get("since"), until=asked.get("until"), now=timezone.now())
        rows = exports.list_exports(period=period)
        return Response(ExportsAnswer({"since": period.since, "until": period.until, "results": rows}).data)

"""For operators: trade in services, by exporting and importing country."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import AmountField, DecimalStringField
from accounts.api.filters import apply_filters
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from billing.api.statements import PERIOD
from billing.statements.periods import read_period
from workers import trade
from workers.models import Attempt


class TradeAnswer(serializers.Serializer[Any]):
    """What sites in one country sold to buyers in another, in one currency."""

    exporter = serializers.CharField(help_text="The sites' country.")
    importer = serializers.CharField(help_text="The buyers' country.")
    currency = serializers.CharField()
    charges = serializers.IntegerField()
    charged = AmountField()
    given_back = AmountField(minimum=None)
    amount = AmountField(minimum=None, help_text="What buyers paid: charged less given back.")
    tokens_in = serializers.IntegerField()
    tokens_out = serializers.IntegerField()
    chip_seconds = DecimalStringField(places=6)
    kwh = DecimalStringField(places=12, help_text="At the grid's meter.")
    gco2e = DecimalStringField(places=9, help_text="Location-based.")
    fx_income = AmountField(minimum=None, help_text="The spread of charges paid in another currency.")


class TradesAnswer(serializers.Serializer[Any]):
    """By exporter, importer and currency; `until` is not among the days."""

    since = serializers.DateField()
    until = serializers.DateField()
    results = TradeAnswer(many=True)


class TradeList(OperatorView):
    """The report of trade in services."""

    rights = {"GET": "billing.view_ledgeraccount"}

    @describe(
        "operator_trade",
        "Computing sold across borders",
        answer=TradesAnswer,
        refusals=(403, 422),
        parameters=PERIOD,
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """Sums of what was booked in the period, of buyers in another country than the site."""
        names = frozenset(one.name for one in PERIOD)
        apply_filters(Attempt.objects.none(), request=request, kind=None, others=names)
        texts = {name: request.query_params.get(name) for name in ("month", "since", "until")}
        period = read_period(**texts, now=timezone.now())
        rows = trade.list_trade(period=period)
        return Response(TradesAnswer({"since": period.since, "until": period.until, "results": rows}).data)

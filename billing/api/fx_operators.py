"""For operators: rates, positions, limits, trades and swap lines."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.api.fields import AmountField, PriceField
from accounts.api.filters import Filters, Word
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from billing.api.serializers import CURRENCY
from billing.fx import positions, rates, treasury
from billing.models import FxRate, SwapLine
from core.money import Money

REFERENCE = r"^[!-~]([ -~]{0,138}[!-~])?$"


class FxRateRequest(serializers.Serializer[Any]):
    """A rate entered by hand."""

    unit = serializers.RegexField(CURRENCY)
    currency = serializers.RegexField(CURRENCY)
    rate = PriceField(help_text="So many of `currency` are worth one of `unit`.")
    as_of = serializers.DateTimeField(required=False, allow_null=True, default=None)


class FxRateAnswer(serializers.Serializer[Any]):
    """What a source said."""

    source = serializers.CharField()  # type: ignore[assignment]
    unit = serializers.CharField()
    currency = serializers.CharField()
    rate = PriceField()
    as_of = serializers.DateTimeField()
    noted_at = serializers.DateTimeField()
    noted_by = serializers.CharField()


class FxRateFilters(Filters):
    """What rates can be narrowed by."""

    source = Word()
    unit = Word()
    currency = Word()


class ExposureAnswer(serializers.Serializer[Any]):
    """A position; amounts of money other than `amount` and `limit` are US dollars."""

    entity = serializers.CharField()
    currency = serializers.CharField()
    amount = AmountField(help_text="Positive where we are long.")
    book_value = AmountField()
    rate = PriceField(source="rate.rate", allow_null=True, default=None)
    rate_at = serializers.DateTimeField(source="rate.as_of", allow_null=True, default=None)
    rate_source = serializers.CharField(source="rate.source", allow_null=True, default=None)
    value = AmountField(allow_null=True)
    unrealised = AmountField(allow_null=True)
    limit = AmountField(allow_null=True)
    is_beyond = serializers.BooleanField()


class ExposuresAnswer(serializers.Serializer[Any]):
    """Every position."""

    results = ExposureAnswer(many=True)


class PositionLimitRequest(serializers.Serializer[Any]):
    """How long or short we may be; null takes the limit away."""

    amount = AmountField(allow_null=True)


class SpreadRequest(serializers.Serializer[Any]):
    """What is asked beyond the middle rate; null goes back to the usual."""

    spread_bps = serializers.IntegerField(allow_null=True, min_value=0, max_value=treasury.SPREAD_BPS_MAX)


class TradeRequest(serializers.Serializer[Any]):
    """What a bank exchanged for us."""

    sold = AmountField()
    sold_currency = serializers.RegexField(CURRENCY)
    bought = AmountField()
    bought_currency = serializers.RegexField(CURRENCY)
    reference = serializers.RegexField(REFERENCE, help_text="The bank's; each is booked once.")
    happened_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class RevaluationRequest(serializers.Serializer[Any]):
    """The day whose end is looked at."""

    day = serializers.DateField()


class SwapLineRequest(serializers.Serializer[Any]):
    """What a bank lends, up to an amount."""

    counterparty = serializers.CharField(max_length=200)
    currency = serializers.RegexField(CURRENCY)
    ceiling = AmountField()


class SwapLineAnswer(serializers.Serializer[Any]):
    """A line as it stands."""

    uid = serializers.UUIDField()
    counterparty = serializers.CharField()
    currency = serializers.CharField()
    ceiling = AmountField()
    drawn = AmountField()
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


class SwapMovementRequest(serializers.Serializer[Any]):
    """What is drawn, or (less than nothing) paid back."""

    amount = AmountField(minimum=None)
    reference = serializers.RegexField(REFERENCE, help_text="The bank's; each is booked once.")
    happened_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class PostedAnswer(serializers.Serializer[Any]):
    """The entry of the ledger."""

    entry = serializers.IntegerField(source="entry_id")
    is_new = serializers.BooleanField(help_text="False for a repeat.")


class RevaluedAnswer(serializers.Serializer[Any]):
    """How many positions were revalued; none where the day was before."""

    positions = serializers.IntegerField()


class RateList(OperatorView):
    """Rates as sources said them."""

    rights = {"GET": "billing.view_fxrate", "POST": "billing.add_fxrate"}

    @describe(
        "operator_fx_rates_list",
        "Exchange rates",
        answer=FxRateAnswer,
        paged=True,
        filters=FxRateFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(FxRate.objects.all(), FxRateAnswer, filters=FxRateFilters)

    @describe(
        "operator_fx_rates_create",
        "Enter a rate",
        request=FxRateRequest,
        answer=FxRateAnswer,
        status=201,
        refusals=(403, 409),
        organization=False,
    )
    def post(self, request: Request) -> HttpResponse:
        """Note one by hand; CNH has no other."""
        wanted, now = self.read(FxRateRequest), timezone.now()
        wanted["as_of"] = wanted["as_of"] or now
        return self.create(
            lambda: dict(FxRateAnswer(rates.enter_rate(**wanted, actor=self.actor(), now=now)).data)
        )


class ExposureList(OperatorView):
    """What we hold by exchanges."""

    rights = {"GET": "billing.view_fxposition"}

    @describe("operator_fx_exposure", "Exposure", answer=ExposuresAnswer, refusals=(403,), organization=False)
    def get(self, request: Request) -> Response:
        """Every position with its cost, its worth and its limit."""
        return Response(ExposuresAnswer({"results": positions.read_exposure(now=timezone.now())}).data)


class PositionLimit(OperatorView):
    """The limit of a position."""

    rights = {"PUT": "billing.change_fxlimit"}

    @describe(
        "operator_fx_limit_set",
        "Limit a position",
        request=PositionLimitRequest,
        answer=PositionLimitRequest,
        refusals=(403,),
        organization=False,
    )
    def put(self, request: Request, currency: str) -> Response:
        """Refuse exchanges that would take it further beyond this, long or short."""
        wanted = self.read(PositionLimitRequest)
        positions.set_limit(currency=currency, **wanted, actor=self.actor(), now=timezone.now())
        return Response(PositionLimitRequest(wanted).data)


class PairSpread(OperatorView):
    """The spread of a pair."""

    rights = {"PUT": "billing.change_fxspread"}

    @describe(
        "operator_fx_spread_set",
        "Set the spread of a pair",
        request=SpreadRequest,
        answer=SpreadRequest,
        refusals=(403,),
        organization=False,
    )
    def put(self, request: Request, base: str, quote: str) -> Response:
        """What is asked of whoever pays in `base` for `quote`."""
        wanted = self.read(SpreadRequest)
        treasury.set_spread(base=base, quote=quote, **wanted, actor=self.actor(), now=timezone.now())
        return Response(SpreadRequest(wanted).data)


class TradeList(OperatorView):
    """Exchanges that banks made for us."""

    rights = {"POST": "billing.add_entry"}

    @describe(
        "operator_fx_trades_create",
        "Book a trade",
        request=TradeRequest,
        answer=PostedAnswer,
        status=201,
        refusals=(403, 409),
        organization=False,
    )
    def post(self, request: Request) -> HttpResponse:
        """Book what was sold and bought, once for each reference."""
        wanted, now = self.read(TradeRequest), timezone.now()
        trade = treasury.Trade(
            Money(wanted["sold"], wanted["sold_currency"]),
            Money(wanted["bought"], wanted["bought_currency"]),
            wanted["reference"],
        )

        def act() -> dict[str, Any]:
            posted = treasury.book_trade(
                trade=trade, actor=self.actor(), happened_at=wanted["happened_at"] or now, now=now
            )
            return dict(PostedAnswer(posted).data)

        return self.create(act)


class Revaluation(OperatorView):
    """What positions are worth at the end of a day."""

    rights = {"POST": "billing.add_fxrevaluation"}

    @describe(
        "operator_fx_revalue",
        "Revalue positions",
        request=RevaluationRequest,
        answer=RevaluedAnswer,
        status=201,
        refusals=(403, 409),
        organization=False,
    )
    def post(self, request: Request) -> HttpResponse:
        """Post it on that day and undo it on the next."""
        day = self.read(RevaluationRequest)["day"]
        return self.create(
            lambda: dict(RevaluedAnswer({"positions": positions.revalue(day=day, now=timezone.now())}).data)
        )


class SwapLineList(OperatorView):
    """Swap lines."""

    rights = {"GET": "billing.view_swapline", "POST": "billing.add_swapline"}

    @describe(
        "operator_swap_lines_list",
        "Swap lines",
        answer=SwapLineAnswer,
        paged=True,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(SwapLine.objects.all(), SwapLineAnswer)

    @describe(
        "operator_swap_lines_create",
        "Open a swap line",
        request=SwapLineRequest,
        answer=SwapLineAnswer,
        status=201,
        refusals=(403,),
        organization=False,
    )
    def post(self, request: Request) -> HttpResponse:
        """Note that a bank lends up to an amount."""
        wanted = self.read(SwapLineRequest)
        ceiling = Money(wanted["ceiling"], wanted["currency"])

        def act() -> dict[str, Any]:
            line = treasury.open_line(
                counterparty=wanted["counterparty"], ceiling=ceiling, actor=self.actor(), now=timezone.now()
            )
            return dict(SwapLineAnswer(line).data)

        return self.create(act)


class SwapMovementList(OperatorView):
    """What is drawn from a line, and paid back."""

    rights = {"POST": "billing.change_swapline"}

    @describe(
        "operator_swap_lines_move",
        "Draw from a swap line, or pay back",
        request=SwapMovementRequest,
        answer=PostedAnswer,
        status=201,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Book it, once for each reference, within the line's limit."""
        wanted, now = self.read(SwapMovementRequest), timezone.now()
        line = access.get_or_refuse(SwapLine.objects.all(), uid=uid)
        wanted["happened_at"] = wanted["happened_at"] or now
        return self.create(
            lambda: dict(
                PostedAnswer(treasury.move_line(line=line, **wanted, actor=self.actor(), now=now)).data
            )
        )

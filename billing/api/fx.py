"""Exchange of currencies: quotes and conversions of organizations."""

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
from accounts.api.fields import AmountField, PriceField
from accounts.api.schema import describe
from billing.api.serializers import CURRENCY
from billing.fx import conversions, quotes
from billing.models import FxConversion, FxQuote
from core.errors import Invalid


class FxQuoteRequest(serializers.Serializer[Any]):
    """What is to be exchanged."""

    sell = serializers.RegexField(CURRENCY, help_text="The currency that is given.")
    buy = serializers.RegexField(CURRENCY, help_text="The currency that is wanted.")


class FxQuoteAnswer(serializers.Serializer[Any]):
    """For a while, `rate` of `sell` buy one of `buy`."""

    uid = serializers.UUIDField()
    sell = serializers.CharField(source="base")
    buy = serializers.CharField(source="quote")
    rate = PriceField(help_text="What one of `buy` costs in `sell`, the spread included.")
    mid = PriceField(help_text="The same without the spread.")
    spread_bps = serializers.IntegerField(help_text="In ten-thousandths of the middle rate.")
    source = serializers.CharField(help_text="Who said the middle rate.")  # type: ignore[assignment]
    rate_at = serializers.DateTimeField(help_text="When it was said.")
    made_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class FxQuotesAnswer(serializers.Serializer[Any]):
    """What stands for everybody."""

    results = FxQuoteAnswer(many=True)


class FxConversionRequest(serializers.Serializer[Any]):
    """How much: of what is sold, or of what is bought."""

    sell = AmountField(required=False, allow_null=True, default=None)
    buy = AmountField(required=False, allow_null=True, default=None)


class FxConversionAnswer(serializers.Serializer[Any]):
    """What was exchanged."""

    uid = serializers.UUIDField()
    quote = serializers.UUIDField(source="quote.uid")
    sold = AmountField()
    sold_currency = serializers.CharField(source="quote.base")
    bought = AmountField()
    bought_currency = serializers.CharField(source="quote.quote")
    spread = serializers.SerializerMethodField(help_text="The part of what was sold that is ours.")
    converted_at = serializers.DateTimeField()

    def get_spread(self, conversion: FxConversion) -> str:
        """Beyond the middle rate."""
        return AmountField().to_representation(conversion.sold - conversion.mid_amount)


class FxQuoteList(OrganizationView):
    """Quotes of an organization's own."""

    needs = {"POST": Permission.MANAGE_MONEY}

    @describe(
        "fx_quotes_create",
        "Ask for a quote",
        request=FxQuoteRequest,
        answer=FxQuoteAnswer,
        status=201,
        refusals=(409,),
    )
    def post(self, request: Request) -> HttpResponse:
        """Fix a rate for a short while; it serves one conversion."""
        wanted, caller = self.read(FxQuoteRequest), self.caller()

        def act() -> dict[str, Any]:
            made = quotes.make_quote(**wanted, organization=caller.organization, now=timezone.now())
            return dict(FxQuoteAnswer(made).data)

        return self.create(act)


class FxConversionList(OrganizationView):
    """The conversion at a quote."""

    needs = {"POST": Permission.MANAGE_MONEY}

    @describe(
        "fx_quotes_convert",
        "Exchange money at a quote",
        request=FxConversionRequest,
        answer=FxConversionAnswer,
        status=201,
        refusals=(402, 404, 409),
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Move money from one of your wallets into another, once for each quote."""
        wanted, caller = self.read(FxConversionRequest), self.caller()
        quote = access.get_or_refuse(FxQuote.objects.filter(organization=caller.organization), uid=uid)
        if (wanted["sell"] is None) == (wanted["buy"] is None):
            raise Invalid("Say either what you sell or what you buy.", field="sell")

        def act() -> dict[str, Any]:
            done = conversions.convert(
                quote=quote,
                organization=caller.organization,
                **wanted,
                actor=caller.actor,
                now=timezone.now(),
            )
            return dict(FxConversionAnswer(done).data)

        return self.create(act)


class FxStandingQuoteList(OrganizationView):
    """Rates at which work in another currency is paid."""

    needs = {"GET": Permission.VIEW}

    @describe("fx_standing_quotes_list", "Rates for work in another currency", answer=FxQuotesAnswer)
    def get(self, request: Request) -> Response:
        """List what stands now; a job keeps the one under which it was admitted."""
        return Response(FxQuotesAnswer({"results": quotes.list_standing(now=timezone.now())}).data)

"""What the market looks like to programs."""

from typing import Any

from django.urls import reverse
from rest_framework import serializers

from accounts.api.fields import DecimalStringField, PriceField
from marketplace.caveats import Caveat
from marketplace.energy.joules import Basis
from marketplace.models import Offer


class FigureField(DecimalStringField):
    """A figure with every digit it has."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"places": 18, **options})


class CaveatsField(serializers.ListField):
    """What must be said wherever the price is shown."""

    def __init__(self, **options: Any) -> None:
        words = [(word.value, word.value) for word in Caveat]
        super().__init__(child=serializers.ChoiceField(choices=words), **options)

    def to_representation(self, data: Any) -> list[Any]:
        """In alphabetical order."""
        return super().to_representation(sorted(data))


class BuildUpField(serializers.URLField):
    """The address of the card's lines."""

    def to_representation(self, value: Any) -> str:
        """Under the address that was asked."""
        path = reverse("market-quote", args=[value])
        return str(self.context["request"].build_absolute_uri(path))


class PlaceAnswer(serializers.Serializer[Any]):
    """Where an offer is."""

    provider = serializers.CharField(source="place.provider")
    site = serializers.CharField(source="place.site")
    country = serializers.CharField(source="place.country")
    region = serializers.CharField(source="place.region")


class FootprintAnswer(serializers.Serializer[Any]):
    """
    Per million output tokens: kWh at the meter, and grams CO2e of the grid and as contracted, which are never
    added up; null where nothing is known, or nothing contracted.
    """

    kwh = FigureField(allow_null=True)
    location_g_per_kwh = FigureField(source="location_g")
    market_g_per_kwh = FigureField(source="market_g", allow_null=True)
    location_g = FigureField(source="location_g_per_million", allow_null=True)
    market_g = FigureField(source="market_g_per_million", allow_null=True)


class MarketPriceAnswer(PlaceAnswer):
    """The cheapest offer of a model in a region now; prices are for one token."""

    model = serializers.CharField(source="slug")
    offers = serializers.IntegerField(help_text="How many there are to choose from.")
    offer = serializers.UUIDField()
    currency = serializers.CharField()
    input_price = PriceField()
    cached_input_price = PriceField()
    output_price = PriceField()
    electricity_per_kwh = FigureField(source="energy_price", minimum=None)
    footprint = FootprintAnswer()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    caveats = CaveatsField()
    card = serializers.UUIDField()
    build_up = BuildUpField(source="card")


class MarketPricesAnswer(serializers.Serializer[Any]):
    """A page of prices, by model, country, region and currency."""

    next = serializers.URLField(allow_null=True)
    results = MarketPriceAnswer(many=True)


class AskAnswer(serializers.Serializer[Any]):
    """What an offer costs from `start` to `end`; prices are for one token or chip-second."""

    offer = serializers.UUIDField(source="seller.offer")
    provider = serializers.CharField(source="seller.place.provider")
    site = serializers.CharField(source="seller.place.site")
    country = serializers.CharField(source="seller.place.country")
    region = serializers.CharField(source="seller.place.region")
    unit = serializers.ChoiceField(source="seller.unit", choices=Offer.Unit.choices)
    currency = serializers.CharField(source="seller.currency")
    start = serializers.DateTimeField(source="ask.start")
    end = serializers.DateTimeField(source="ask.end")
    input_price = PriceField(source="ask.input")
    cached_input_price = PriceField(source="ask.cached_input")
    output_price = PriceField(source="ask.output")
    chip_second_price = PriceField(source="ask.chip_second")
    electricity_per_kwh = FigureField(source="ask.per_kwh", minimum=None, allow_null=True)
    location_g_per_kwh = FigureField(source="ask.location_g", allow_null=True)
    forecast = serializers.BooleanField(source="ask.forecast")
    surplus = serializers.BooleanField(source="ask.surplus")
    caveats = CaveatsField(source="seller.caveats")
    card = serializers.UUIDField(source="ask.card")
    build_up = BuildUpField(source="ask.card")


class AsksAnswer(serializers.Serializer[Any]):
    """A page of prices ahead of a model, by time."""

    model = serializers.CharField()
    until = serializers.DateTimeField(help_text="How far was looked.")
    next = serializers.URLField(allow_null=True)
    results = AskAnswer(many=True)


class MarketCardAnswer(serializers.Serializer[Any]):
    """A price card with all that it is made of; the lines add up to the prices."""

    card = serializers.UUIDField(source="uid")
    offer = serializers.UUIDField(source="offer.uid")
    model = serializers.CharField(source="offer.model.slug")
    provider = serializers.CharField(source="offer.organization.name")
    site = serializers.CharField(source="offer.site.name")
    country = serializers.CharField(source="offer.site.country")
    region = serializers.CharField(source="offer.site.region")
    unit = serializers.ChoiceField(source="offer.unit", choices=Offer.Unit.choices)
    currency = serializers.CharField()
    start = serializers.DateTimeField(source="starts_at")
    end = serializers.DateTimeField(source="valid_until", allow_null=True)
    input_price = PriceField()
    cached_input_price = PriceField()
    output_price = PriceField()
    chip_second_price = PriceField()
    fee_bps = serializers.IntegerField()
    build_up = serializers.DictField(
        source="explained", help_text="Lines with amounts, figures and sources; decimal strings."
    )


class EnergyRankAnswer(PlaceAnswer):
    """Chip joules of an output token, and how they are known."""

    model = serializers.CharField(source="slug")
    joules = FigureField()
    evidence = serializers.ChoiceField(choices=[(word.value, word.value) for word in Basis])
    tier = serializers.CharField()
    joules_source = serializers.CharField(source="source")
    kwh_per_million = FigureField(source="kwh", allow_null=True)
    build_up = BuildUpField(source="row.card")


class EnergyRanksAnswer(serializers.Serializer[Any]):
    """A page of models and regions, the least joules first."""

    next = serializers.URLField(allow_null=True)
    results = EnergyRankAnswer(many=True)


class AskedAnswer(serializers.Serializer[Any]):
    """
    One price of a million tokens: of a region here, or what somebody else publishes.

    `hours` (UTC, HH:MM) is when of a day it holds, if not always, and `since` from which day on, if that is
    known; `rises_above` is the length of a prompt above which more is asked.
    """

    seller = serializers.CharField()
    here = serializers.BooleanField()
    country = serializers.CharField(source="place.country", allow_null=True, default=None)
    region = serializers.CharField(source="place.region", allow_null=True, default=None)
    currency = serializers.CharField()
    input = FigureField(allow_null=True)
    output = FigureField(allow_null=True)
    known_as = serializers.CharField(source="public.model", allow_null=True, default=None)
    hours = serializers.ListField(child=serializers.CharField(), allow_null=True)
    since = serializers.DateField(source="public.since", allow_null=True, default=None)
    rises_above = serializers.IntegerField(source="public.rises_above", allow_null=True, default=None)
    caveats = CaveatsField()


class PriceRankAnswer(serializers.Serializer[Any]):
    """Prices of a model, the lowest first within each currency; currencies are not converted."""

    model = serializers.CharField(source="slug")
    public_price_known = serializers.BooleanField(source="known")
    prices = AskedAnswer(source="asked", many=True)


class EditionAnswer(serializers.Serializer[Any]):
    """Where others' prices are from; `newest` is the last day on which one of them began."""

    package = serializers.CharField()
    version = serializers.CharField()
    newest = serializers.DateField()
    licence = serializers.CharField()
    url = serializers.URLField()


class PriceRanksAnswer(serializers.Serializer[Any]):
    """A page of models, by slug."""

    public_prices = EditionAnswer()
    next = serializers.URLField(allow_null=True)
    results = PriceRankAnswer(many=True)


class VolumeAnswer(serializers.Serializer[Any]):
    """What was sold since a moment: charges in real money between organizations of different owners."""

    since = serializers.DateTimeField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    kwh = FigureField()

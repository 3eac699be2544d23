"""What sites, models and statements look like outside."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from accounts.api.fields import AmountField, DecimalStringField, PriceField
from marketplace.listings import ENDPOINTS
from marketplace.models import Offer


class SiteRequest(serializers.Serializer[Any]):
    """What a provider says of a site."""

    name = serializers.CharField(max_length=120)
    country = serializers.RegexField(r"^[A-Z]{2}$", help_text="ISO 3166-1 alpha-2")
    region = serializers.CharField(max_length=64)
    grid_zone = serializers.CharField(max_length=64)
    time_zone = serializers.CharField(max_length=64, help_text="As in the tz database: Asia/Shanghai")
    currency = serializers.RegexField(r"^[A-Z]{3,5}$")
    energy_price = PriceField(help_text="Per kWh, in `currency`.")
    pue = DecimalStringField(places=4, minimum=Decimal(1), help_text="Facility energy over IT energy.")
    gco2_per_kwh = DecimalStringField(places=3)
    carbon_source = serializers.CharField(max_length=200)


class SiteAnswer(SiteRequest):
    """A site."""

    uid = serializers.UUIDField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)


class PricesAnswer(serializers.Serializer[Any]):
    """What one token or chip-second costs the buyer."""

    input = PriceField()
    cached_input = PriceField()
    output = PriceField()
    chip_second = PriceField()


class CardInForceAnswer(serializers.Serializer[Any]):
    """The price card that buyers pay by."""

    uid = serializers.UUIDField()
    number = serializers.IntegerField()
    starts_at = serializers.DateTimeField()
    input = PriceField(source="input_price")
    cached_input = PriceField(source="cached_input_price")
    output = PriceField(source="output_price")
    chip_second = PriceField(source="chip_second_price")


class ConsequenceAnswer(serializers.Serializer[Any]):
    """What a change of a site means for one offer there: its card stays, its next card would cost `next`."""

    offer = serializers.UUIDField(source="offer.uid")
    model = serializers.CharField(source="offer.model.slug")
    currency = serializers.CharField(source="offer.currency")
    unit = serializers.ChoiceField(source="offer.unit", choices=Offer.Unit.choices)
    state = serializers.ChoiceField(source="offer.state", choices=Offer.State.choices)
    card = CardInForceAnswer(allow_null=True)
    next = PricesAnswer(
        source="prices", allow_null=True, help_text="Null where credits would outweigh every cost."
    )


class SiteChangeAnswer(SiteAnswer):
    """A site as it is now, and what that means for the offers there."""

    consequences = ConsequenceAnswer(many=True, read_only=True)


class EndpointsField(serializers.ListField):
    """Which addresses of /v1 are served: `chat`, `completions`, `embeddings`."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("child", serializers.ChoiceField(choices=[(name, name) for name in ENDPOINTS]))
        super().__init__(**options)


class ModelOfferAnswer(serializers.Serializer[Any]):
    """A live offer as anybody may see it; prices are for one token or chip-second."""

    uid = serializers.UUIDField()
    provider = serializers.CharField()
    site = serializers.CharField()
    country = serializers.CharField()
    region = serializers.CharField()
    unit = serializers.CharField()
    currency = serializers.CharField()
    card_uid = serializers.UUIDField()
    input_price = PriceField()
    cached_input_price = PriceField()
    output_price = PriceField()
    chip_second_price = PriceField()
    max_output_cap = serializers.IntegerField()
    endpoints = EndpointsField()


class ModelAnswer(serializers.Serializer[Any]):
    """A model of the catalogue; lengths are tokens."""

    slug = serializers.CharField()
    name = serializers.CharField()
    context_length = serializers.IntegerField()
    max_output_default = serializers.IntegerField()
    endpoints = EndpointsField()
    created_at = serializers.DateTimeField()
    offers = ModelOfferAnswer(many=True)


class ModelsAnswer(serializers.Serializer[Any]):
    """The catalogue."""

    results = ModelAnswer(many=True)


class EnergyAnswer(serializers.Serializer[Any]):
    """
    Energy at the grid's meter, of which IT, cooling and line losses are the parts, heat that was delivered,
    and grams by two accounts that are never added up: the grid's, and what was contracted for `market_kwh`.
    """

    kwh = DecimalStringField(places=12)
    it_kwh = DecimalStringField(places=12)
    cooling_kwh = DecimalStringField(places=12)
    loss_kwh = DecimalStringField(places=12)
    heat_kwh = DecimalStringField(places=12)
    gco2e = DecimalStringField(places=9, help_text="Location-based.")
    market_gco2e = DecimalStringField(
        places=9, allow_null=True, help_text="Market-based; null where nothing was contracted."
    )
    market_kwh = DecimalStringField(places=12, help_text="What `market_gco2e` speaks of.")


class StatementRowAnswer(serializers.Serializer[Any]):
    """One line: `amount` is positive for what came in. `job` is the job that was charged for."""

    id = serializers.CharField()
    kind = serializers.CharField()
    happened_at = serializers.DateTimeField()
    amount = AmountField(minimum=None)
    currency = serializers.CharField()
    reason = serializers.CharField()
    job = serializers.UUIDField(allow_null=True)
    energy = EnergyAnswer(allow_null=True)


class StatementAnswer(serializers.Serializer[Any]):
    """Lines of a wallet, newest first; those of all pages add up to `posted`."""

    currency = serializers.CharField()
    posted = AmountField(minimum=None)
    energy = EnergyAnswer(help_text="Of all jobs that the wallet paid for, posted or not.")
    next = serializers.URLField(allow_null=True)
    results = StatementRowAnswer(many=True)

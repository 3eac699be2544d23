"""What nodes, offers with their prices, and jobs look like outside."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import AmountField, DecimalStringField, PriceField
from marketplace import contracts, price_cards
from marketplace.api.serializers import EndpointsField
from marketplace.models import Job, Offer
from workers.models import Node

POSITIVE = Decimal("0.000000001")


class NodeRequest(serializers.Serializer[Any]):
    """A new node; watts are those of the whole machine."""

    site = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    chips = serializers.IntegerField(min_value=1, max_value=100_000)
    chip_slug = serializers.CharField(max_length=64, required=False, default="")
    watts_idle = DecimalStringField(places=2)
    watts_busy = DecimalStringField(places=2)


class NodeAnswer(serializers.Serializer[Any]):
    """A node, and when its agent was last seen."""

    uid = serializers.UUIDField()
    site = serializers.UUIDField(source="site.uid")
    name = serializers.CharField()
    chips = serializers.IntegerField()
    chip_slug = serializers.CharField()
    watts_idle = DecimalStringField(places=2, source="declared_watts_idle")
    watts_busy = DecimalStringField(places=2, source="declared_watts_busy")
    state = serializers.ChoiceField(choices=Node.State.choices)
    connected_at = serializers.DateTimeField(allow_null=True)
    last_seen_at = serializers.DateTimeField(allow_null=True)
    agent_version = serializers.CharField()
    created_at = serializers.DateTimeField()


class NewNodeAnswer(NodeAnswer):
    """A new node: its agent's token is shown this once."""

    agent_token = serializers.CharField(allow_null=True, help_text="Null in a repeat.", read_only=True)


class ServingRequest(serializers.Serializer[Any]):
    """How an offer is served and what its node costs: money in the site's currency, shares as fractions."""

    joules_per_output_token = DecimalStringField(
        places=9,
        minimum=POSITIVE,
        required=False,
        help_text="Of the chips. Without it, what the reference table or the estimator says of `chip`.",
    )
    chip = serializers.CharField(
        max_length=80, required=False, help_text="Of the catalogue; needed where no joules are stated."
    )
    tokens_per_second = DecimalStringField(places=3)
    utilisation = DecimalStringField(places=4, help_text="Busy share of the hours.")
    watts_idle = DecimalStringField(places=2)
    capital = AmountField(help_text="What the node cost.")
    margin = DecimalStringField(places=4)
    chips = serializers.IntegerField(min_value=1, required=False)
    host_factor = DecimalStringField(places=4, minimum=Decimal(1), required=False)
    input_ratio = DecimalStringField(places=4, required=False)
    cached_ratio = DecimalStringField(places=4, required=False)
    capital_years = serializers.IntegerField(min_value=1, max_value=50, required=False)
    capital_rate = DecimalStringField(places=4, required=False)
    operations_rate = DecimalStringField(places=4, required=False)
    residual = DecimalStringField(
        places=4, required=False, help_text="Share of the capital that the node is still worth in the end."
    )
    embodied_g = DecimalStringField(places=3, required=False, help_text="Grams CO2e of making the node.")


class SlackRequest(serializers.Serializer[Any]):
    """How long work may wait."""

    slack_hours = serializers.IntegerField(min_value=0, max_value=contracts.HOURS_MAX, default=0)


class StepField(serializers.Serializer[Any]):
    """Who may wait so many whole hours gets the share off the hardware and margin lines."""

    hours = serializers.IntegerField(min_value=1, max_value=contracts.HOURS_MAX)
    share = DecimalStringField(places=4, minimum=Decimal("0.0001"))


class TermsRequest(serializers.Serializer[Any]):
    """Who carries the risk of an offer's price, and what waiting is worth, in place of what was said."""

    contract = serializers.ChoiceField(choices=[one.value for one in contracts.Contract])
    cap = DecimalStringField(
        places=4, required=False, help_text="Of a pass-through: the share above the forecast price."
    )
    steps = StepField(many=True, required=False)


class TermsAnswer(serializers.Serializer[Any]):
    """An offer's terms, as its next cards will have them."""

    contract = serializers.CharField()
    cap = serializers.CharField()
    steps = StepField(many=True)


class EndpointRequest(serializers.Serializer[Any]):
    """Which node serves an offer, and what its model server calls the model."""

    node = serializers.UUIDField()
    upstream_model = serializers.CharField(max_length=200)


class EndpointAnswer(serializers.Serializer[Any]):
    """How an offer is reached."""

    node = serializers.UUIDField(source="node.uid")
    upstream_model = serializers.CharField()


class CardRequest(serializers.Serializer[Any]):
    """When the next price starts; now, if not said."""

    starts_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class CardAnswer(serializers.Serializer[Any]):
    """A price card; prices are for one token or chip-second, `breakdown` lists what they are made of."""

    uid = serializers.UUIDField()
    number = serializers.IntegerField()
    currency = serializers.CharField()
    starts_at = serializers.DateTimeField()
    valid_until = serializers.DateTimeField(allow_null=True)
    input_price = PriceField()
    cached_input_price = PriceField()
    output_price = PriceField()
    chip_second_price = PriceField()
    fee_bps = serializers.IntegerField()
    breakdown = serializers.DictField(source="explained")
    slack_hours = serializers.IntegerField(
        help_text="Above 0 in a cheaper form of the card `of_number`, for jobs that may wait so long."
    )
    of_number = serializers.IntegerField(allow_null=True)
    capped = serializers.BooleanField(
        help_text="Whether it is sold at a cap, and what the final price leaves of it is given back."
    )
    created_at = serializers.DateTimeField()


class QuoteAnswer(serializers.Serializer[Any]):
    """What a price card published now would say; prices are for one token or chip-second."""

    currency = serializers.CharField()
    input_price = PriceField()
    cached_input_price = PriceField()
    output_price = PriceField()
    chip_second_price = PriceField()
    fee_bps = serializers.IntegerField()
    breakdown = serializers.DictField()


class SlotsRequest(serializers.Serializer[Any]):
    """How many requests an offer takes at once."""

    slots = serializers.IntegerField(min_value=1, max_value=100_000)


class OfferRequest(serializers.Serializer[Any]):
    """A new offer; it is a draft until it has a price card and is put live."""

    site = serializers.UUIDField()
    model = serializers.CharField(max_length=120)
    slots = serializers.IntegerField(min_value=1, max_value=100_000)
    max_output_default = serializers.IntegerField(min_value=1, max_value=10_000_000)
    max_output_cap = serializers.IntegerField(min_value=1, max_value=10_000_000)
    unit = serializers.ChoiceField(choices=Offer.Unit.choices, default=Offer.Unit.TOKEN)
    endpoints = EndpointsField(
        required=False,
        allow_null=True,
        default=None,
        min_length=1,
        help_text="What it serves of what its model can be asked for; all of that, if not said.",
    )
    serving = ServingRequest()
    endpoint = EndpointRequest(required=False, allow_null=True, default=None)


class OfferAnswer(serializers.Serializer[Any]):
    """An offer with the price in force, which is null before its first card starts."""

    uid = serializers.UUIDField()
    site = serializers.UUIDField(source="site.uid")
    model = serializers.CharField(source="model.slug")
    currency = serializers.CharField()
    unit = serializers.ChoiceField(choices=Offer.Unit.choices)
    slots = serializers.IntegerField()
    max_output_default = serializers.IntegerField()
    max_output_cap = serializers.IntegerField()
    endpoints = EndpointsField(source="served_endpoints")
    state = serializers.ChoiceField(choices=Offer.State.choices)
    endpoint = serializers.SerializerMethodField()
    card = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    @extend_schema_field(EndpointAnswer(allow_null=True))
    def get_endpoint(self, offer: Offer) -> dict[str, Any] | None:
        """Who serves it."""
        endpoint = getattr(offer, "endpoint", None)
        return dict(EndpointAnswer(endpoint).data) if endpoint else None

    @extend_schema_field(CardAnswer(allow_null=True))
    def get_card(self, offer: Offer) -> dict[str, Any] | None:
        """The price in force."""
        card = price_cards.find_card_in_force(offer=offer, now=self.context["now"])
        return dict(CardAnswer(card).data) if card else None


@extend_schema_field(
    {
        "type": "object",
        "required": ["model", "messages"],
        "properties": {
            "model": {"type": "string", "minLength": 1},
            "messages": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["role", "content"],
                    "properties": {
                        "role": {"type": "string", "enum": ["system", "user", "assistant"]},
                        "content": {"type": "string", "minLength": 1},
                    },
                },
            },
        },
        "additionalProperties": True,
    }
)
class ChatField(serializers.DictField):
    """What /v1/chat/completions takes, without `stream`; read as it is read there."""


class JobRequest(serializers.Serializer[Any]):
    """A chat request that may run later."""

    request = ChatField(help_text="What /v1/chat/completions takes, without `stream`.")
    deadline = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="24 hours from now, if not said."
    )


class JobAnswer(serializers.Serializer[Any]):
    """A job as lists show it."""

    uid = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Job.Kind.choices)
    state = serializers.ChoiceField(choices=Job.State.choices)
    model = serializers.CharField(source="model.slug")
    provider = serializers.CharField(source="offer.organization.name", allow_null=True, default=None)
    site = serializers.UUIDField(source="offer.site.uid", allow_null=True, default=None)
    error_code = serializers.CharField(allow_null=True)
    submitted_at = serializers.DateTimeField()
    deadline_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class JobDetailAnswer(JobAnswer):
    """A job with who could have run it, what it used and cost, and its answer while that is kept."""

    matched = serializers.JSONField(allow_null=True)
    usage = serializers.JSONField(
        allow_null=True, help_text="Tokens, cost, energy and carbon.", read_only=True
    )
    answer = serializers.JSONField(allow_null=True, help_text="A chat completion.", read_only=True)

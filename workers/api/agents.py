"""What agents ask for: a token for a code, and what their node offers and would earn."""

from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import agent_tokens
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import AmountField, DecimalStringField
from accounts.api.schema import describe
from accounts.models import AgentToken
from core.errors import Unauthenticated
from core.money import AMOUNT_PLACES
from core.quantities import round_half_even
from marketplace import price_cards
from marketplace.models import Offer, PriceCard
from workers import enrolments, nodes, protocol
from workers.api.serializers import CardAnswer
from workers.models import Node

MILLION = 1_000_000
SECONDS_PER_HOUR = 3600


class BytesField(serializers.Field[bytes, Any, str, Any]):
    """Bytes as base64."""

    default_error_messages = {"form": "Write {length} bytes in base64."}

    def __init__(self, *, length: int, **options: Any) -> None:
        self.length = length
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> bytes:
        """Read base64 of the right length."""
        try:
            value = b64decode(data, validate=True) if isinstance(data, str) else b""
        except (NotBase64, ValueError):
            value = b""
        if len(value) != self.length:
            self.fail("form", length=self.length)
        return value


class BytesStrings(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Base64 of so many bytes, in one way only."""

    target_class = BytesField

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Groups of four signs, of which the last is padded if bytes are left over."""
        groups, left = divmod(self.target.length, 3)
        last = ("", "[A-Za-z0-9+/][AQgw]==", "[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=")[left]
        return {"type": "string", "pattern": f"^[A-Za-z0-9+/]{{{4 * groups}}}{last}$"}


class EnrolmentAnswer(serializers.Serializer[Any]):
    """A code for a node's agent: shown this once, used once, until `expires_at`."""

    uid = serializers.UUIDField()
    node = serializers.UUIDField(source="node.uid")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    code = serializers.CharField(allow_null=True, help_text="Null in a repeat.", read_only=True)


class EnrolRequest(serializers.Serializer[Any]):
    """The code, the agent's Ed25519 key, and its signature over `jouleport-enrolment-v1\\n` and the code."""

    code = serializers.CharField(max_length=64)
    public_key = BytesField(length=32, help_text="Raw, in base64.")
    signature = BytesField(length=64, help_text="In base64.")


class EnrolledAnswer(serializers.Serializer[Any]):
    """The agent's token, shown this once, and where it connects with it."""

    token = serializers.CharField()
    node = serializers.UUIDField()
    name = serializers.CharField()
    organization = serializers.CharField()
    relay = serializers.URLField()


class AgentEarningAnswer(serializers.Serializer[Any]):
    """What the provider gets at today's price, the platform's fee taken off."""

    currency = serializers.CharField()
    per_million_input = AmountField()
    per_million_cached_input = AmountField()
    per_million_output = AmountField()
    per_chip_hour = AmountField()
    per_busy_hour = AmountField(help_text="At the tokens per second that the offer is described with.")
    tokens_per_second = DecimalStringField(places=3)


class AgentOfferAnswer(serializers.Serializer[Any]):
    """An offer that the agent's node serves, with today's price and what it earns; null without a price."""

    uid = serializers.UUIDField()
    model = serializers.CharField()
    upstream_model = serializers.CharField()
    unit = serializers.CharField()
    state = serializers.CharField()
    slots = serializers.IntegerField()
    card = CardAnswer(allow_null=True)
    earning = AgentEarningAnswer(allow_null=True)


class AgentAnswer(serializers.Serializer[Any]):
    """An agent's node as the exchange sees it."""

    node = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=Node.State.choices)
    site = serializers.CharField()
    organization = serializers.CharField()
    chips = serializers.IntegerField()
    relay = serializers.URLField()
    protocols = serializers.ListField(child=serializers.IntegerField())
    now = serializers.DateTimeField()
    offers = AgentOfferAnswer(many=True)


@dataclass(frozen=True, slots=True)
class AgentHolder:
    """The agent that holds a token, in the place where Django expects a user."""

    token: AgentToken

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    @property
    def pk(self) -> str:
        """By what limits of rate tell callers apart."""
        return f"agent:{self.token.pk}"


class AgentAuthentication(BaseAuthentication):
    """`Authorization: Bearer jp_node_…`."""

    def authenticate(self, request: Request) -> tuple[AgentHolder, AgentToken] | None:
        """
        The agent, or nobody if there is no such header.

        :raises AuthenticationFailed: if the token is malformed, unknown or revoked
        """
        scheme, _, text = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            token = agent_tokens.find_agent_token(text=text.strip(" "))
        except Unauthenticated as refusal:
            raise AuthenticationFailed(refusal.message, code=refusal.code) from None
        return AgentHolder(token), token

    def authenticate_header(self, request: Request) -> str:
        """Makes refusals 401 with this in `WWW-Authenticate`."""
        return "Bearer"


class AgentScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Agents' tokens as bearer tokens."""

    target_class = AgentAuthentication
    name = "agentToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """What OpenAPI calls it."""
        return {"type": "http", "scheme": "bearer", "description": "An agent's token: jp_node_…"}


class EnrolmentList(OrganizationView):
    """Codes with which a node's agent is enrolled."""

    needs = {"POST": Permission.MANAGE_SITES}

    @describe(
        "enrolments_open",
        "Make a code with which a node's agent enrols",
        answer=EnrolmentAnswer,
        status=201,
        refusals=(409,),
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Make one; it is shown this once, and an earlier one that nobody used ends."""
        caller = self.caller()
        node = nodes.find_node(organization=caller.organization, uid=uid)
        _ = self.request.body

        def open_one() -> dict[str, Any]:
            opened = enrolments.open_enrolment(node=node, actor=caller.actor, now=timezone.now())
            return {**EnrolmentAnswer(opened.enrolment).data, "code": opened.code}

        return self.create(open_one, secret="code")  # noqa: S106 - the field's name


class AgentEnrolment(APIView):
    """Where an agent without a token comes with a code."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @describe(
        "agents_enrol",
        "Exchange a code for a token",
        creates=False,
        request=EnrolRequest,
        answer=EnrolledAnswer,
        status=201,
        organization=False,
    )
    def post(self, request: Request) -> Response:
        """Exchange the code, once, for a token to which the agent's key is pinned."""
        given = EnrolRequest(data=request.data)
        given.is_valid(raise_exception=True)
        enrolled = enrolments.enrol_agent(**given.validated_data, now=timezone.now())
        answer = {
            "token": enrolled.token,
            "node": enrolled.node.uid,
            "name": enrolled.node.name,
            "organization": enrolled.node.organization.name,
            "relay": settings.AGENTS_URL,
        }
        return Response(EnrolledAnswer(answer).data, status=201)


class AgentDetail(APIView):
    """An agent's own node."""

    authentication_classes = (AgentAuthentication,)
    permission_classes = (IsAuthenticated,)

    @describe(
        "agents_read",
        "What an agent's node offers and would earn",
        answer=AgentAnswer,
        refusals=(404,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """Read it with the agent's token."""
        now = timezone.now()
        token = request.auth
        assert isinstance(token, AgentToken)  # noqa: S101 - what AgentAuthentication gives
        node = nodes.find_agents_node(token=token, now=now)
        served = Offer.objects.filter(endpoint__node=node).exclude(state=Offer.State.WITHDRAWN)
        rows = served.select_related("model", "endpoint", "profile").order_by("id")
        answer = {
            "node": node.uid,
            "name": node.name,
            "state": node.state,
            "site": node.site.name,
            "organization": node.organization.name,
            "chips": node.chips,
            "relay": settings.AGENTS_URL,
            "protocols": list(range(protocol.VERSION_MIN, protocol.VERSION + 1)),
            "now": now,
            "offers": [
                _describe(offer, price_cards.find_card_in_force(offer=offer, now=now)) for offer in rows
            ],
        }
        return Response(AgentAnswer(answer).data)


def _describe(offer: Offer, card: PriceCard | None) -> dict[str, Any]:
    return {
        "uid": offer.uid,
        "model": offer.model.slug,
        "upstream_model": offer.endpoint.upstream_model,
        "unit": offer.unit,
        "state": offer.state,
        "slots": offer.slots,
        "card": card,
        "earning": _find_earning(offer, card) if card else None,
    }


def _find_earning(offer: Offer, card: PriceCard) -> dict[str, Any]:
    share = Decimal(10_000 - card.fee_bps) / 10_000

    def earn(price: Decimal, units: Decimal | int) -> Decimal:
        return round_half_even(price * units * share, AMOUNT_PLACES)

    speed = offer.profile.tokens_per_second
    by_token = offer.unit == Offer.Unit.TOKEN
    busy = (
        earn(card.output_price, speed * SECONDS_PER_HOUR)
        if by_token
        else earn(card.chip_second_price, offer.profile.chips * SECONDS_PER_HOUR)
    )
    return {
        "currency": card.currency,
        "per_million_input": earn(card.input_price, MILLION),
        "per_million_cached_input": earn(card.cached_input_price, MILLION),
        "per_million_output": earn(card.output_price, MILLION),
        "per_chip_hour": earn(card.chip_second_price, SECONDS_PER_HOUR),
        "per_busy_hour": busy,
        "tokens_per_second": speed,
    }

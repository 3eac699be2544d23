"""Offers: drafted, priced, served, put live and withdrawn."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.filters import Choice, Filters, Since, Uid, Until, Word
from accounts.api.schema import describe
from accounts.authentication import Caller
from core.errors import Invalid
from marketplace import catalogue, joules_findings, offer_terms, offers, price_cards, quotes, sites
from marketplace.contracts import HOURS_MAX, Contract, Step, Terms
from marketplace.models import Offer
from marketplace.offers import Serving
from workers import endpoints, nodes
from workers.api.serializers import (
    CardAnswer,
    CardRequest,
    EndpointRequest,
    OfferAnswer,
    OfferRequest,
    QuoteAnswer,
    ServingRequest,
    SlackRequest,
    SlotsRequest,
    TermsAnswer,
    TermsRequest,
)


def _read_serving(wanted: dict[str, Any], *, model: str, slots: int) -> Serving:
    """As said; joules that were not stated are those publicly known of the chip, and labelled so."""
    given = {name: value for name, value in wanted.items() if name != "chip"}
    if "joules_per_output_token" in given:
        return Serving(**given)
    if "chip" not in wanted:
        raise Invalid("State what an output token takes, or name the chip.", field="joules_per_output_token")
    found = joules_findings.find_undeclared(
        model=model, chip=wanted["chip"], chips=given.get("chips", 1), batch=slots
    )
    source = joules_findings.name_source(found)
    return Serving(**given, joules_per_output_token=found.output, joules_source=source)


def _with_endpoints(caller: Caller) -> QuerySet[Offer]:
    return offers.list_offers(organization=caller.organization).select_related("endpoint__node")


def _find(caller: Caller, uid: UUID) -> Offer:
    return access.find_owned(_with_endpoints(caller), organization=caller.organization, uid=uid)


def _describe(offer: Offer) -> dict[str, Any]:
    return dict(OfferAnswer(offer, context={"now": timezone.now()}).data)


def _bind(caller: Caller, offer: Offer, wanted: dict[str, Any]) -> None:
    endpoints.bind_endpoint(
        offer=offer,
        node=nodes.find_node(organization=caller.organization, uid=wanted["node"]),
        upstream_model=wanted["upstream_model"],
        actor=caller.actor,
        now=timezone.now(),
    )


class OfferFilters(Filters):
    """What offers can be narrowed by."""

    state = Choice(Offer.State.values)
    unit = Choice(Offer.Unit.values)
    model = Word(field_name="model__slug")
    site = Uid(field_name="site__uid")
    node = Uid(field_name="endpoint__node__uid")


class CardFilters(Filters):
    """What price cards can be narrowed by."""

    since = Since("starts_at")
    until = Until("starts_at")


class OfferList(OrganizationView):
    """A provider's offers."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_SITES}

    @describe("offers_list", "Offers", answer=OfferAnswer, paged=True, filters=OfferFilters)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = _with_endpoints(self.caller())
        return self.show_page(rows, OfferAnswer, filters=OfferFilters, now=timezone.now())

    @describe(
        "offers_create",
        "Draft an offer",
        request=OfferRequest,
        answer=OfferAnswer,
        status=201,
        refusals=(409,),
    )
    def post(self, request: Request) -> HttpResponse:
        """Draft one; it can be bought once it has a card, a node, and was put live."""
        wanted, caller = self.read(OfferRequest), self.caller()
        site = sites.find_site(organization=caller.organization, uid=wanted["site"])
        model = catalogue.find_model(slug=wanted["model"])

        def draft() -> dict[str, Any]:
            offer = offers.create_offer(
                organization=caller.organization,
                site=site,
                model=model,
                serving=_read_serving(wanted["serving"], model=model.slug, slots=wanted["slots"]),
                slots=wanted["slots"],
                max_output_default=wanted["max_output_default"],
                max_output_cap=wanted["max_output_cap"],
                actor=caller.actor,
                now=timezone.now(),
                unit=Offer.Unit(wanted["unit"]),
                endpoints=wanted["endpoints"],
            )
            if wanted["endpoint"] is not None:
                _bind(caller, offer, wanted["endpoint"])
            return _describe(_find(caller, offer.uid))

        return self.create(draft)


class OfferDetail(OrganizationView):
    """One offer."""

    needs = {"GET": Permission.VIEW, "PATCH": Permission.MANAGE_SITES}

    @describe("offers_read", "An offer", answer=OfferAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it."""
        return Response(_describe(_find(self.caller(), uid)))

    @describe("offers_change", "Change an offer's slots", request=SlotsRequest, answer=OfferAnswer)
    def patch(self, request: Request, uid: UUID) -> Response:
        """
        Change how many requests it takes at once.

        What it is (site, model, currency, unit, endpoints) and its output limits never change: withdraw it
        and draft another.
        """
        wanted, caller = self.read(SlotsRequest), self.caller()
        offers.change_slots(
            offer=_find(caller, uid), slots=wanted["slots"], actor=caller.actor, now=timezone.now()
        )
        return Response(_describe(_find(caller, uid)))


class OfferQuote(OrganizationView):
    """What an offer's next price card would say."""

    needs = {"GET": Permission.VIEW}

    @describe(
        "offers_quote",
        "What the next price card would cost",
        answer=QuoteAnswer,
        parameters=(
            OpenApiParameter(
                "slack_hours",
                {"type": "integer", "minimum": 0, "maximum": HOURS_MAX, "default": 0},
                description="How long the work may wait, as the offer's steps have it.",
            ),
        ),
        refusals=(400, 409),
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Price it from its site and its serving as they are described now; nothing is published."""
        asked = SlackRequest(data=request.query_params)
        asked.is_valid(raise_exception=True)
        offer = _find(self.caller(), uid)
        stretch = price_cards.find_stretch(site=offer.site, moment=timezone.now())
        hours: int = asked.validated_data["slack_hours"]
        quote = price_cards.quote_offer(offer=offer, stretch=stretch, slack_hours=hours)
        sold = quotes.keep_unit(offer, quote.prices)
        body = {
            "currency": offer.currency,
            "fee_bps": price_cards.PLATFORM_FEE_BPS,
            "input_price": sold.input,
            "cached_input_price": sold.cached_input,
            "output_price": sold.output,
            "chip_second_price": sold.chip_second,
            "breakdown": quote.breakdown,
        }
        return Response(QuoteAnswer(body).data)


class OfferEndpoint(OrganizationView):
    """Who serves an offer."""

    needs = {"PUT": Permission.MANAGE_SITES}

    @describe(
        "offers_bind",
        "Have a node serve an offer",
        request=EndpointRequest,
        answer=OfferAnswer,
        refusals=(409,),
    )
    def put(self, request: Request, uid: UUID) -> Response:
        """Have it served by a node of its site."""
        wanted, caller = self.read(EndpointRequest), self.caller()
        _bind(caller, _find(caller, uid), wanted)
        return Response(_describe(_find(caller, uid)))


class OfferServing(OrganizationView):
    """How an offer is served: what its next price card will be computed from."""

    needs = {"PUT": Permission.MANAGE_SITES}

    @describe(
        "offers_serving", "Describe anew how an offer is served", request=ServingRequest, answer=OfferAnswer
    )
    def put(self, request: Request, uid: UUID) -> Response:
        """Describe it anew; published cards keep their prices."""
        wanted, caller = self.read(ServingRequest), self.caller()
        offer = _find(caller, uid)
        serving = _read_serving(wanted, model=offer.model.slug, slots=offer.slots)
        offers.change_serving(offer=offer, serving=serving, actor=caller.actor, now=timezone.now())
        return Response(_describe(_find(caller, uid)))


class OfferTerms(OrganizationView):
    """Who carries the risk of an offer's price."""

    needs = {"GET": Permission.VIEW, "PUT": Permission.MANAGE_SITES}

    @describe("offers_terms", "An offer's terms", answer=TermsAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read its contract and its steps of slack."""
        return Response(_describe_terms(_find(self.caller(), uid)))

    @describe("offers_set_terms", "Sell an offer under other terms", request=TermsRequest, answer=TermsAnswer)
    def put(self, request: Request, uid: UUID) -> Response:
        """Set them; published cards keep theirs, and the next ones follow within a minute."""
        wanted, caller = self.read(TermsRequest), self.caller()
        terms = Terms(
            contract=Contract(wanted["contract"]),
            cap=wanted.get("cap", Decimal(0)),
            steps=tuple(Step(**step) for step in wanted.get("steps", ())),
        )
        offer_terms.set_terms(offer=_find(caller, uid), terms=terms, actor=caller.actor, now=timezone.now())
        return Response(_describe_terms(_find(caller, uid)))


def _describe_terms(offer: Offer) -> dict[str, Any]:
    return offer_terms.read_terms(offer=offer).describe()


class CardList(OrganizationView):
    """An offer's price cards."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_SITES}

    @describe("cards_list", "Price cards of an offer", answer=CardAnswer, paged=True, filters=CardFilters)
    def get(self, request: Request, uid: UUID) -> Response:
        """List them, newest first."""
        rows = _find(self.caller(), uid).price_cards.select_related("basis")
        return self.show_page(rows, CardAnswer, filters=CardFilters)

    @describe(
        "cards_publish",
        "Publish an offer's next price",
        request=CardRequest,
        answer=CardAnswer,
        status=201,
        refusals=(409,),
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Price it from its site and its serving as they are described now."""
        wanted, caller = self.read(CardRequest), self.caller()
        offer = _find(caller, uid)

        def publish() -> dict[str, Any]:
            card = price_cards.publish_card(
                offer=offer, actor=caller.actor, now=timezone.now(), starts_at=wanted["starts_at"]
            )
            return dict(CardAnswer(card).data)

        return self.create(publish)


class CardDetail(OrganizationView):
    """One price card."""

    needs = {"GET": Permission.VIEW}

    @describe("cards_read", "A price card with its build-up", answer=CardAnswer)
    def get(self, request: Request, uid: UUID, number: int) -> Response:
        """Read it: each line of what its prices are made of, with figures and sources."""
        rows = _find(self.caller(), uid).price_cards.select_related("basis")
        return Response(CardAnswer(access.get_or_refuse(rows, number=number)).data)


class OfferChange(OrganizationView):
    """A change of an offer's state."""

    needs = {"POST": Permission.MANAGE_SITES}
    deed: ClassVar[Callable[..., None]]

    def change(self, uid: UUID) -> Response:
        """Make the change."""
        caller = self.caller()
        type(self).deed(offer=_find(caller, uid), actor=caller.actor, now=timezone.now())
        return Response(_describe(_find(caller, uid)))


class OfferLive(OfferChange):
    """Let buyers find the offer."""

    deed = offers.put_live

    @describe("offers_put_live", "Put an offer live", answer=OfferAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """Put it live; it must have a price card."""
        return self.change(uid)


class OfferPause(OfferChange):
    """Let no new requests come."""

    deed = offers.pause

    @describe("offers_pause", "Pause an offer", answer=OfferAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """Take it back to draft; what runs goes on."""
        return self.change(uid)


class OfferWithdrawal(OfferChange):
    """End the offer."""

    deed = offers.withdraw

    @describe("offers_withdraw", "Withdraw an offer", answer=OfferAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """End it for good; what runs goes on."""
        return self.change(uid)

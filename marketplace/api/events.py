"""Demand response at a site, and its prices as a signal, both in the shape of OpenADR 3."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.access import Permission
from accounts.api.base import OrganizationView, RestView
from accounts.api.fields import DecimalStringField
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from accounts.audit import Actor
from core.money import PRICE_PLACES
from marketplace import demand_events, openadr, site_tariffs, sites
from marketplace.models import Site

SIGNAL = timedelta(hours=48)
PROGRAMME = "electricity-price"


class EventRequest(serializers.Serializer[Any]):
    """
    An event of OpenADR 3. Payloads: `DISPATCH_SETPOINT_RELATIVE` in kW, negative to shed load; `PRICE` is
    paid for each kWh that is delivered, `PENALTY_PRICE` owed for each that is not.
    """

    objectType = serializers.CharField(required=False, default="EVENT", max_length=32)  # noqa: N815
    programID = serializers.CharField(max_length=openadr.NAME_MAX)  # noqa: N815
    eventName = serializers.CharField(max_length=openadr.NAME_MAX)  # noqa: N815
    intervalPeriod = serializers.DictField(required=False)  # noqa: N815
    intervals = serializers.ListField(
        child=serializers.DictField(), min_length=1, max_length=openadr.INTERVALS_MAX
    )


class EventAnswer(serializers.Serializer[Any]):
    """One interval of an event as the site's prices follow it."""

    uid = serializers.UUIDField()
    programme = serializers.CharField()
    name = serializers.CharField()
    number = serializers.IntegerField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    direction = serializers.ChoiceField(["SHED", "FILL"])
    kw = DecimalStringField(places=3)
    pay_per_kwh = DecimalStringField(places=PRICE_PLACES)
    penalty_per_kwh = DecimalStringField(places=PRICE_PLACES)
    created_at = serializers.DateTimeField()
    called_off_at = serializers.DateTimeField(allow_null=True)


class EventsAnswer(serializers.Serializer[Any]):
    """The intervals of an event."""

    intervals = EventAnswer(many=True)


class SignalAnswer(serializers.Serializer[Any]):
    """An event of OpenADR 3 with `PRICE` per kWh and, where it is known, `GHG` in g CO2e per kWh."""

    objectType = serializers.CharField()  # noqa: N815
    programID = serializers.CharField()  # noqa: N815
    eventName = serializers.CharField()  # noqa: N815
    createdDateTime = serializers.DateTimeField()  # noqa: N815
    payloadDescriptors = serializers.ListField(child=serializers.DictField())  # noqa: N815
    intervals = serializers.ListField(child=serializers.DictField())


class EventView(OrganizationView):
    """Something of a site's demand response."""

    def find(self, uid: UUID) -> Site:
        """The caller's site."""
        return sites.find_site(organization=self.caller().organization, uid=uid)


class EventList(EventView):
    """Events of a site."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_SITES}

    @describe("events_list", "Demand-response events of a site", answer=EventAnswer, paged=True)
    def get(self, request: Request, uid: UUID) -> Response:
        """List their intervals, newest first."""
        return self.show_page(demand_events.list_events(site=self.find(uid)), EventAnswer)

    @describe(
        "events_take",
        "Ask a site to shed load or to take more",
        request=EventRequest,
        answer=EventsAnswer,
        status=201,
        refusals=(409,),
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Take an event, all its intervals or none. Price cards of live offers follow within a minute."""
        return take_event(self, site=self.find(uid), actor=self.caller().actor)


class OperatedEvents(OperatorView):
    """Events that operators pass on, for any site."""

    rights = {"POST": "marketplace.add_demandevent"}

    @describe(
        "operator_events_take",
        "Ask any site to shed load or to take more",
        request=EventRequest,
        answer=EventsAnswer,
        status=201,
        refusals=(403, 404),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Take an event as the site's provider would."""
        site = access.get_or_refuse(Site.objects.select_related("organization"), uid=uid)
        return take_event(self, site=site, actor=self.actor())


def take_event(view: RestView, *, site: Site, actor: Actor) -> HttpResponse:
    """Take the event that a request holds, once for each Idempotency-Key."""
    wanted = view.read(EventRequest)

    def take() -> dict[str, Any]:
        made = demand_events.take_event(
            site=site, event=openadr.read_event(wanted), actor=actor, now=timezone.now()
        )
        return dict(EventsAnswer({"intervals": made}).data)

    return view.create(take)


class EventCancellation(EventView):
    """An interval that is not wanted any more."""

    needs = {"POST": Permission.MANAGE_SITES}

    @describe("events_call_off", "Call off an interval of an event", answer=EventAnswer)
    def post(self, request: Request, uid: UUID, event: UUID) -> Response:
        """It counts for nothing from now on; cards ahead follow within a minute."""
        found = demand_events.find_event(site=self.find(uid), uid=event)
        caller = self.caller()
        return Response(
            EventAnswer(demand_events.call_off(event=found, actor=caller.actor, now=timezone.now())).data
        )


class PriceSignal(EventView):
    """The site's prices ahead, for machines that follow such signals."""

    needs = {"GET": Permission.VIEW}

    @describe("sites_signal", "A site's electricity prices as a signal", answer=SignalAnswer, refusals=(422,))
    def get(self, request: Request, uid: UUID) -> Response:
        """The next 48 hours, as far as they are known."""
        site, now = self.find(uid), timezone.now().replace(microsecond=0)
        outlook = site_tariffs.look_at(site=site, start=now, end=now + SIGNAL)
        return Response(
            openadr.write_prices(
                name=str(site.uid),
                programme=PROGRAMME,
                currency=site.currency,
                stretches=outlook.stretches,
                made_at=now,
            )
        )

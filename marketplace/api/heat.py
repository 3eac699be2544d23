"""Lots of heat: open demands for everybody, offers, contracts and readings for members."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView, RestView
from accounts.api.fields import AmountField, DecimalStringField, PriceField
from accounts.api.schema import describe
from marketplace import sites
from marketplace.lots import heat, readings
from marketplace.models import HeatDemand, HeatOffer, HeatReading

KW, CELSIUS, KM, SHARE, TEXT = 3, 2, 3, 4, 1000
DAY = r"^[0-9]{2}-[0-9]{2}$"


class DemandFields(serializers.Serializer[Any]):
    """What a buyer needs."""

    place = serializers.CharField(max_length=120)
    country = serializers.RegexField(r"^[A-Z]{2}$")
    kw = DecimalStringField(places=KW)
    supply_c = DecimalStringField(places=CELSIUS, help_text="Degrees Celsius that heat must arrive with.")
    distance_km = DecimalStringField(places=KM, help_text="How far heat may come from.")
    season_start = serializers.RegexField(DAY, help_text="As in 10-15.")
    season_end = serializers.RegexField(DAY, help_text="Included; a season may wrap New Year.")
    prices = serializers.ListField(
        child=serializers.DictField(),
        help_text="Per kWh of heat, by the temperature outside: see the page on lots.",
    )
    currency = serializers.RegexField(r"^[A-Z]{3,5}$")


class DemandRequest(DemandFields):
    """A demand to list."""


class DemandAnswer(DemandFields):
    """A demand."""

    uid = serializers.UUIDField()
    organization = serializers.CharField(source="organization.name")
    state = serializers.ChoiceField(HeatDemand.State.choices)
    created_at = serializers.DateTimeField()


class OpenDemandAnswer(DemandAnswer):
    """A demand that takes offers."""


class HeatOfferRequest(serializers.Serializer[Any]):
    """What a site would deliver."""

    site = serializers.UUIDField()
    kw = DecimalStringField(places=KW)
    distance_km = DecimalStringField(places=KM)
    heat_reused = DecimalStringField(places=SHARE, help_text="The share of the site's energy that leaves so.")


class HeatOfferAnswer(serializers.Serializer[Any]):
    """An offer of heat."""

    uid = serializers.UUIDField()
    demand = serializers.UUIDField(source="demand.uid")
    provider = serializers.CharField(source="organization.name")
    site = serializers.UUIDField(source="site.uid")
    kw = DecimalStringField(places=KW)
    distance_km = DecimalStringField(places=KM)
    supply_c = DecimalStringField(places=CELSIUS)
    heat_reused = DecimalStringField(places=SHARE)
    created_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)


class AcceptRequest(serializers.Serializer[Any]):
    """What the heat meter shows at the start."""

    meter_start_kwh = DecimalStringField(places=KW, required=False, default=Decimal(0))


class ContractAnswer(serializers.Serializer[Any]):
    """A contract of heat, on the terms of its demand."""

    uid = serializers.UUIDField()
    demand = DemandAnswer()
    offer = HeatOfferAnswer()
    buyer = serializers.CharField(source="buyer.name")
    provider = serializers.CharField(source="provider.name")
    fee_bps = serializers.IntegerField(help_text="The platform's share, in ten-thousandths.")
    objection_days = serializers.IntegerField(help_text="After so many days silence is consent.")
    meter_start_kwh = DecimalStringField(places=KW)
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class ReadingRequest(serializers.Serializer[Any]):
    """What the meter shows."""

    read_at = serializers.DateTimeField()
    total_kwh = DecimalStringField(places=KW)
    outside_c = DecimalStringField(
        places=CELSIUS, minimum=None, required=False, allow_null=True, default=None
    )
    corrects = serializers.BooleanField(
        required=False, default=False, help_text="It replaces the last reading."
    )
    reason = serializers.CharField(max_length=TEXT, required=False, allow_blank=True, default="")


class ConfirmRequest(serializers.Serializer[Any]):
    """Which reading was seen."""

    digest = serializers.RegexField(r"^[0-9a-f]{64}$")


class ObjectionRequest(serializers.Serializer[Any]):
    """Why a reading cannot be right."""

    objection = serializers.CharField(max_length=TEXT)


class ReadingAnswer(serializers.Serializer[Any]):
    """A reading; a charge that is `due` waits for money in the buyer's wallet."""

    uid = serializers.UUIDField()
    number = serializers.IntegerField()
    read_at = serializers.DateTimeField()
    total_kwh = DecimalStringField(places=KW)
    kwh = DecimalStringField(places=KW)
    outside_c = DecimalStringField(places=CELSIUS, minimum=None, allow_null=True)
    price = PriceField()
    amount = AmountField(minimum=None)
    fee = AmountField(minimum=None)
    corrects = serializers.IntegerField(source="corrects.number", allow_null=True, default=None)
    reason = serializers.CharField()
    entered_by = serializers.CharField()
    entered_at = serializers.DateTimeField()
    digest = serializers.CharField()
    state = serializers.ChoiceField(HeatReading.State.choices)
    answered_by = serializers.CharField()
    answered_at = serializers.DateTimeField(allow_null=True)
    objection = serializers.CharField()
    payment = serializers.SerializerMethodField(help_text="PAID, DUE, or NONE.")

    def get_payment(self, reading: HeatReading) -> str:
        """Whether money has moved for it."""
        return readings.find_payment(reading=reading)


class DemandList(OrganizationView):
    """The organization's demands."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_MONEY}

    @describe("heat_demands_list", "The organization's heat demands", answer=DemandAnswer, paged=True)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = HeatDemand.objects.filter(organization=self.caller().organization)
        return self.show_page(rows.select_related("organization"), DemandAnswer)

    @describe(
        "heat_demands_create",
        "List a heat demand",
        request=DemandRequest,
        answer=DemandAnswer,
        status=201,
        refusals=(409,),
    )
    def post(self, request: Request) -> HttpResponse:
        """List what is needed; sites may offer from now on."""
        caller, wanted = self.caller(), self.read(DemandRequest)

        def list_demand() -> dict[str, Any]:
            demand = heat.list_demand(
                organization=caller.organization,
                described=heat.Described(**wanted),
                actor=caller.actor,
                now=timezone.now(),
            )
            return dict(DemandAnswer(demand).data)

        return self.create(list_demand)


class OpenDemands(RestView):
    """Demands that take offers."""

    permission_classes = (AllowAny,)

    @describe(
        "heat_demands_open",
        "Heat demands that take offers",
        answer=OpenDemandAnswer,
        paged=True,
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first; nobody needs to be known."""
        rows = HeatDemand.objects.filter(state=HeatDemand.State.OPEN).select_related("organization")
        return self.show_page(rows, OpenDemandAnswer)


class DemandWithdrawal(OrganizationView):
    """The way of a demand back."""

    needs = {"POST": Permission.MANAGE_MONEY}

    @describe("heat_demands_withdraw", "Withdraw a heat demand", answer=DemandAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """Take it back; its offers come to nothing."""
        caller = self.caller()
        demand = heat.find_demand(uid=uid, owner=caller.organization)
        done = heat.withdraw_demand(demand=demand, actor=caller.actor, now=timezone.now())
        return Response(DemandAnswer(done).data)


class DemandOffers(OrganizationView):
    """Offers for one demand."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_SITES}

    @describe(
        "heat_demand_offers_list", "Offers for a demand of your own", answer=HeatOfferAnswer, paged=True
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """List them, newest first."""
        demand = heat.find_demand(uid=uid, owner=self.caller().organization)
        rows = HeatOffer.objects.filter(demand=demand, withdrawn_at=None)
        return self.show_page(rows.select_related("demand", "site", "organization"), HeatOfferAnswer)

    @describe(
        "heat_offers_create",
        "Offer a site's heat",
        request=HeatOfferRequest,
        answer=HeatOfferAnswer,
        status=201,
        refusals=(409,),
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Offer the heat of one of your sites."""
        caller, wanted = self.caller(), self.read(HeatOfferRequest)
        demand = heat.find_demand(uid=uid)
        site = sites.find_site(organization=caller.organization, uid=wanted.pop("site"))

        def offer() -> dict[str, Any]:
            made = heat.offer_heat(demand=demand, site=site, actor=caller.actor, now=timezone.now(), **wanted)
            return dict(HeatOfferAnswer(made).data)

        return self.create(offer)


class HeatOfferWithdrawal(OrganizationView):
    """The way of an offer back."""

    needs = {"POST": Permission.MANAGE_SITES}

    @describe("heat_offers_withdraw", "Withdraw an offer of heat", answer=HeatOfferAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """Take it back before it is accepted; a repeat changes nothing."""
        caller = self.caller()
        offer = heat.find_offer(uid=uid, maker=caller.organization)
        done = heat.withdraw_offer(offer=offer, actor=caller.actor, now=timezone.now())
        return Response(HeatOfferAnswer(done).data)


class HeatOfferAcceptance(OrganizationView):
    """A buyer's yes."""

    needs = {"POST": Permission.MANAGE_MONEY}

    @describe(
        "heat_offers_accept",
        "Accept an offer of heat",
        request=AcceptRequest,
        answer=ContractAnswer,
        status=201,
        refusals=(409,),
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Make a contract of it: from now on its meter is read, and your wallet pays what it shows."""
        caller, wanted = self.caller(), self.read(AcceptRequest)
        offer = heat.find_offer(uid=uid, buyer=caller.organization)

        def accept() -> dict[str, Any]:
            made = heat.accept_offer(
                offer=offer, fee_bps=settings.HEAT_FEE_BPS, actor=caller.actor, now=timezone.now(), **wanted
            )
            return dict(ContractAnswer(made).data)

        return self.create(accept)


class ContractList(OrganizationView):
    """Heat contracts."""

    needs = {"GET": Permission.VIEW}

    @describe(
        "heat_contracts_list", "Contracts you buy or provide heat by", answer=ContractAnswer, paged=True
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(heat.list_contracts(organization=self.caller().organization), ContractAnswer)


class ContractEnd(OrganizationView):
    """The end of a contract; either side may."""

    needs = {"POST": Permission.MANAGE_MONEY}

    @describe("heat_contracts_end", "End a heat contract", answer=ContractAnswer)
    def post(self, request: Request, uid: UUID) -> Response:
        """End it; what was read until now is still due. A repeat changes nothing."""
        caller = self.caller()
        contract = heat.find_contract(organization=caller.organization, uid=uid)
        done = heat.end_contract(contract=contract, actor=caller.actor, now=timezone.now())
        return Response(ContractAnswer(done).data)


class ReadingList(OrganizationView):
    """Readings of one contract."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_SITES}

    @describe("heat_readings_list", "Readings of a heat contract", answer=ReadingAnswer, paged=True)
    def get(self, request: Request, uid: UUID) -> Response:
        """List them, newest first; buyer and provider see the same."""
        contract = heat.find_contract(organization=self.caller().organization, uid=uid)
        return self.show_page(readings.list_readings(contract=contract), ReadingAnswer)

    @describe(
        "heat_readings_create",
        "Enter a reading",
        request=ReadingRequest,
        answer=ReadingAnswer,
        status=201,
        refusals=(409,),
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Enter what the meter shows, as the provider; a repeat answers the reading that is there."""
        caller, wanted = self.caller(), self.read(ReadingRequest)
        contract = readings.find_provided(provider=caller.organization, uid=uid)
        corrects = wanted.pop("corrects")

        def enter() -> dict[str, Any]:
            made = readings.enter(
                contract=contract,
                shown=readings.Shown(**wanted),
                corrects=corrects,
                actor=caller.actor,
                now=timezone.now(),
            )
            return dict(ReadingAnswer(made).data)

        return self.create(enter)


class ReadingConfirmation(OrganizationView):
    """A buyer's yes to a reading."""

    needs = {"POST": Permission.MANAGE_MONEY}

    @describe(
        "heat_readings_confirm",
        "Confirm a reading",
        request=ConfirmRequest,
        answer=ReadingAnswer,
        refusals=(409,),
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Agree to it by its digest: it is paid from your wallet. A repeat changes nothing."""
        caller, wanted = self.caller(), self.read(ConfirmRequest)
        reading = readings.find_reading(buyer=caller.organization, uid=uid)
        done = readings.confirm(
            reading=reading, digest=wanted["digest"], actor=caller.actor, now=timezone.now()
        )
        return Response(ReadingAnswer(done).data)


class ReadingObjection(OrganizationView):
    """A buyer's no to a reading."""

    needs = {"POST": Permission.MANAGE_MONEY}

    @describe(
        "heat_readings_object",
        "Object to a reading",
        request=ObjectionRequest,
        answer=ReadingAnswer,
        refusals=(409,),
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Say why it cannot be right: it is not charged, and its provider must correct it."""
        caller, wanted = self.caller(), self.read(ObjectionRequest)
        reading = readings.find_reading(buyer=caller.organization, uid=uid)
        done = readings.object_to(
            reading=reading, objection=wanted["objection"], actor=caller.actor, now=timezone.now()
        )
        return Response(ReadingAnswer(done).data)

"""Lots of heat: open demands for everybody, offers, contracts and readings for members."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView, RestView
from accounts.api.schema import describe
from marketplace import sites
from marketplace.api.heat_answers import (
    AcceptRequest,
    ConfirmRequest,
    ContractAnswer,
    DemandAnswer,
    DemandRequest,
    HeatOfferAnswer,
    HeatOfferRequest,
    ObjectionRequest,
    OpenDemandAnswer,
    ReadingAnswer,
    ReadingRequest,
)
from marketplace.lots import heat, readings
from marketplace.models import HeatDemand, HeatOffer


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

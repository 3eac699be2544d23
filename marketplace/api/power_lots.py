"""Lots of power: open ones for everybody, listing and bidding for members."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView, RestView
from accounts.api.fields import DecimalStringField, PriceField
from accounts.api.schema import describe
from marketplace import sites
from marketplace.lots import power
from marketplace.models import PowerBid, PowerLot

KW = 3


class LotFields(serializers.Serializer[Any]):
    """What is said of a lot."""

    kind = serializers.ChoiceField(PowerLot.Kind.choices)
    country = serializers.RegexField(r"^[A-Z]{2}$")
    grid_zone = serializers.CharField(max_length=64)
    region = serializers.CharField(max_length=64, required=False, allow_blank=True, default="")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    profile = serializers.DictField(help_text="BASELOAD, DAILY or SERIES: see the page on lots.")
    kw = DecimalStringField(places=KW)
    floor_price = PriceField(help_text="Per kWh; no bid is lower.")
    currency = serializers.RegexField(r"^[A-Z]{3,5}$")
    firmness = serializers.ChoiceField(PowerLot.Firmness.choices)
    notice_seconds = serializers.IntegerField(required=False, default=0, min_value=0)
    min_take_kwh = DecimalStringField(places=KW, required=False, default=Decimal(0))
    divisible = serializers.BooleanField(required=False, default=True)
    closes_at = serializers.DateTimeField(help_text="Until when bids are taken.")


class LotRequest(LotFields):
    """A lot to list."""


class LotAnswer(LotFields):
    """A lot."""

    uid = serializers.UUIDField()
    organization = serializers.CharField(source="organization.name")
    state = serializers.ChoiceField(PowerLot.State.choices)
    awarded_kw = DecimalStringField(places=KW)
    created_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)


class OpenLotAnswer(LotAnswer):
    """A lot that takes bids."""


class BidRequest(serializers.Serializer[Any]):
    """What a site would take."""

    site = serializers.UUIDField()
    kw = DecimalStringField(places=KW)
    kw_least = DecimalStringField(
        places=KW,
        required=False,
        allow_null=True,
        default=None,
        help_text="Less is not taken; all, if not said.",
    )
    price = PriceField(help_text="Per kWh, in the lot's currency; what is paid.")


class AwardAnswer(serializers.Serializer[Any]):
    """What a bid got."""

    uid = serializers.UUIDField()
    kw = DecimalStringField(places=KW)
    price = PriceField()
    awarded_at = serializers.DateTimeField()


class BidAnswer(serializers.Serializer[Any]):
    """A bid; sealed until its lot is settled."""

    uid = serializers.UUIDField()
    lot = serializers.UUIDField(source="lot.uid")
    site = serializers.UUIDField(source="site.uid")
    kw = DecimalStringField(places=KW)
    kw_least = DecimalStringField(places=KW)
    price = PriceField()
    created_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    award = AwardAnswer(allow_null=True, default=None)


class ReceivedBidAnswer(BidAnswer):
    """A bid for a lot of one's own."""


class LotList(OrganizationView):
    """The organization's lots."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_SITES}

    @describe("power_lots_list", "The organization's power lots", answer=LotAnswer, paged=True)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = PowerLot.objects.filter(organization=self.caller().organization)
        return self.show_page(rows.select_related("organization"), LotAnswer)

    @describe(
        "power_lots_create",
        "List a power lot",
        request=LotRequest,
        answer=LotAnswer,
        status=201,
        refusals=(409,),
    )
    def post(self, request: Request) -> HttpResponse:
        """List a lot; sites in its zone may bid from now on."""
        caller, wanted = self.caller(), self.read(LotRequest)

        def list_lot() -> dict[str, Any]:
            lot = power.list_lot(
                organization=caller.organization,
                described=power.Described(**wanted),
                actor=caller.actor,
                now=timezone.now(),
            )
            return dict(LotAnswer(lot).data)

        return self.create(list_lot)


class OpenLots(RestView):
    """Lots that take bids."""

    permission_classes = (AllowAny,)

    @describe(
        "power_lots_open", "Power lots that take bids", answer=OpenLotAnswer, paged=True, organization=False
    )
    def get(self, request: Request) -> Response:
        """List them, newest first; nobody needs to be known."""
        rows = power.list_open(now=timezone.now()).select_related("organization")
        return self.show_page(rows, OpenLotAnswer)


class LotDetail(RestView):
    """One lot."""

    permission_classes = (AllowAny,)

    @describe("power_lots_read", "A power lot", answer=LotAnswer, refusals=(404,), organization=False)
    def get(self, request: Request, uid: UUID) -> Response:
        """Show it, also after it was settled; nobody needs to be known."""
        return Response(LotAnswer(power.find_lot(uid=uid)).data)


class LotAward(OrganizationView):
    """The end of bidding, as its lister wishes."""

    needs = {"POST": Permission.MANAGE_SITES}

    @describe("power_lots_accept", "Award a power lot now", answer=LotAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """Take the bids there are, by the same rule as at the deadline."""
        caller = self.caller()
        lot = power.find_own_lot(organization=caller.organization, uid=uid)
        power.award_early(lot=lot, actor=caller.actor, now=timezone.now())
        return Response(LotAnswer(power.find_lot(uid=uid)).data)


class LotWithdrawal(OrganizationView):
    """The way of a lot back."""

    needs = {"POST": Permission.MANAGE_SITES}

    @describe("power_lots_withdraw", "Withdraw a power lot", answer=LotAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """Take it back; its bids come to nothing."""
        caller = self.caller()
        lot = power.find_own_lot(organization=caller.organization, uid=uid)
        return Response(LotAnswer(power.withdraw_lot(lot=lot, actor=caller.actor, now=timezone.now())).data)


class LotBids(OrganizationView):
    """Bids for one lot."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_SITES}

    @describe("power_lot_bids_list", "Bids for a lot of your own", answer=ReceivedBidAnswer, paged=True)
    def get(self, request: Request, uid: UUID) -> Response:
        """List them once the lot is settled; until then they are sealed."""
        lot = power.find_own_lot(organization=self.caller().organization, uid=uid)
        return self.show_page(power.list_bids(lot=lot), ReceivedBidAnswer)

    @describe(
        "power_bids_create",
        "Bid for a power lot",
        request=BidRequest,
        answer=BidAnswer,
        status=201,
        refusals=(409,),
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Bid for one of your sites."""
        caller, wanted = self.caller(), self.read(BidRequest)
        lot = power.find_lot(uid=uid)
        site = sites.find_site(organization=caller.organization, uid=wanted.pop("site"))

        def bid() -> dict[str, Any]:
            made = power.place_bid(lot=lot, site=site, actor=caller.actor, now=timezone.now(), **wanted)
            return dict(BidAnswer(made).data)

        return self.create(bid)


class BidList(OrganizationView):
    """The organization's bids."""

    needs = {"GET": Permission.VIEW}

    @describe("power_bids_list", "The organization's bids for power lots", answer=BidAnswer, paged=True)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = PowerBid.objects.filter(organization=self.caller().organization)
        return self.show_page(rows.select_related("lot", "site", "award"), BidAnswer)


class BidDetail(OrganizationView):
    """One bid."""

    needs = {"GET": Permission.VIEW}

    @describe("power_bids_read", "A bid for a power lot", answer=BidAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Show it, and what it got."""
        return Response(BidAnswer(power.find_bid(organization=self.caller().organization, uid=uid)).data)


class BidWithdrawal(OrganizationView):
    """The way of a bid back."""

    needs = {"POST": Permission.MANAGE_SITES}

    @describe("power_bids_withdraw", "Withdraw a bid", answer=BidAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """Take it back before the deadline; a repeat changes nothing."""
        caller = self.caller()
        bid = power.find_bid(organization=caller.organization, uid=uid)
        return Response(BidAnswer(power.withdraw_bid(bid=bid, actor=caller.actor, now=timezone.now())).data)

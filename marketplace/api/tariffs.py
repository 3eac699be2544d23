"""What electricity costs at a site: its tariff in versions, and the hours ahead."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import DecimalStringField
from accounts.api.filters import FilterRefused, apply_filters
from accounts.api.schema import describe
from marketplace import site_tariffs, sites
from marketplace.models import OfferPlan, Site, SiteTariff

HOURS = 48
HOURS_MAX = 72
HOURS_FILTER = OpenApiParameter("hours", OpenApiTypes.INT, description=f"How far ahead, 1 to {HOURS_MAX}.")


class TariffRequest(serializers.Serializer[Any]):
    """A tariff's document (see the page on tariffs) and what it must know of the site."""

    document = serializers.DictField()
    figures = serializers.DictField(required=False, default=dict)
    hold_minutes = serializers.IntegerField(
        required=False,
        default=24 * 60,
        min_value=0,
        max_value=7 * 24 * 60,
        help_text="How long the last known price may be asked.",
    )
    quotes_forecasts = serializers.BooleanField(required=False, default=False)
    confirmed = serializers.BooleanField(
        required=False, default=False, help_text="An unverified tariff is what the site pays, on your word."
    )


class TariffAnswer(serializers.Serializer[Any]):
    """A version of a site's tariff; of those in force the newest counts."""

    uid = serializers.UUIDField()
    number = serializers.IntegerField()
    document = serializers.DictField()
    content_hash = serializers.CharField()
    figures = serializers.DictField()
    hold_minutes = serializers.IntegerField()
    quotes_forecasts = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class StretchAnswer(serializers.Serializer[Any]):
    """One price per kWh, component by component."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    price_per_kwh = DecimalStringField(places=18, source="price")
    forecast = serializers.BooleanField()
    components = serializers.DictField(child=serializers.CharField())


class UnpricedAnswer(serializers.Serializer[Any]):
    """An offer that has no price for later, and why."""

    offer = serializers.UUIDField(source="offer.uid")
    known_until = serializers.DateTimeField(allow_null=True)
    problem = serializers.CharField()


class OutlookAnswer(serializers.Serializer[Any]):
    """What a kilowatt-hour will cost, as far as it may be quoted; `problem` says why it ends early."""

    currency = serializers.CharField()
    known_until = serializers.DateTimeField(allow_null=True)
    problem = serializers.CharField()
    stretches = StretchAnswer(many=True)
    unpriced = UnpricedAnswer(many=True)


class TariffView(OrganizationView):
    """Something of a site's tariff."""

    def find(self, uid: UUID) -> Site:
        """The caller's site."""
        return sites.find_site(organization=self.caller().organization, uid=uid)


class TariffList(TariffView):
    """Versions of a site's tariff."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_SITES}

    @describe("tariffs_list", "Versions of a site's tariff", answer=TariffAnswer, paged=True)
    def get(self, request: Request, uid: UUID) -> Response:
        """List them, newest first."""
        return self.show_page(SiteTariff.objects.filter(site=self.find(uid)), TariffAnswer)

    @describe(
        "tariffs_set",
        "Say what electricity costs at a site",
        request=TariffRequest,
        answer=TariffAnswer,
        status=201,
        refusals=(409,),
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Set the next version. Price cards of live offers follow within a minute."""
        wanted, caller = self.read(TariffRequest), self.caller()
        site = self.find(uid)
        hold = timedelta(minutes=wanted.pop("hold_minutes"))

        def set_tariff() -> dict[str, Any]:
            made = site_tariffs.set_tariff(
                site=site,
                terms=site_tariffs.Terms(hold=hold, **wanted),
                actor=caller.actor,
                now=timezone.now(),
            )
            return dict(TariffAnswer(made).data)

        return self.create(set_tariff)


class Outlook(TariffView):
    """The hours ahead."""

    needs = {"GET": Permission.VIEW}

    @describe(
        "sites_outlook",
        "What electricity will cost at a site",
        answer=OutlookAnswer,
        parameters=(HOURS_FILTER,),
        refusals=(409, 422),
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Each stretch of one price, and offers that cannot be priced to the end of it."""
        site, hours = self.find(uid), _read_hours(request)
        start = timezone.now().replace(microsecond=0)
        outlook = site_tariffs.look_at(site=site, start=start, end=start + timedelta(hours=hours))
        plans = OfferPlan.objects.filter(offer__site=site).exclude(problem="").select_related("offer")
        return Response(
            OutlookAnswer(
                {
                    "currency": site.currency,
                    "known_until": outlook.known_until,
                    "problem": outlook.problem,
                    "stretches": outlook.stretches,
                    "unpriced": plans.order_by("offer_id"),
                }
            ).data
        )


def _read_hours(request: Request) -> int:
    apply_filters(SiteTariff.objects.none(), request=request, kind=None, others=frozenset({"hours"}))
    text = request.query_params.get("hours", str(HOURS))
    if not text.isdecimal() or not 1 <= int(text) <= HOURS_MAX:
        raise FilterRefused(f"hours is a number from 1 to {HOURS_MAX}.", parameter="hours")
    return int(text)

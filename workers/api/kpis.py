"""Key figures of a site, and what was found of an offer's joules."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import DecimalStringField
from accounts.api.schema import describe
from core.quantities import round_half_even
from marketplace import joules_findings, offers, sites
from workers import site_days
from workers.models import SiteDay

RATIO_PLACES = 9


class RatioField(DecimalStringField):
    """A figure that is divided out, nine places."""

    def __init__(self, **options: Any) -> None:
        super().__init__(places=RATIO_PLACES, read_only=True, allow_null=True, **options)

    def to_representation(self, value: Any) -> str:
        """Write it rounded."""
        return super().to_representation(round_half_even(value, RATIO_PLACES))


class KpisAnswer(serializers.Serializer[Any]):
    """The figures of a day; null where nothing was used that one could be of."""

    pue = RatioField(help_text="Facility over IT energy (ISO/IEC 30134-2).")
    erf = RatioField(help_text="Reused over facility energy (ISO/IEC 30134-6).")
    ere = RatioField(help_text="PUE x (1 - ERF).")
    ref = RatioField(help_text="Certified renewable share (ISO/IEC 30134-3).")
    cue = RatioField(help_text="kg CO2e by the grid per kWh of IT energy (ISO/IEC 30134-8).")
    market_cue = RatioField(help_text="kg CO2e by what was contracted per kWh of IT energy.")
    joules_per_token = RatioField(help_text="At the machines; an uncached input token counts 0.45.")
    surplus_absorbed_share = RatioField(help_text="Of the kWh that surplus lots offered.")


class SiteDayAnswer(serializers.Serializer[Any]):
    """What the work that a site sold on a day (UTC) used. Grams of the two accounts are never added up."""

    day = serializers.DateField()
    attempts = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    joules = DecimalStringField(places=3)
    it_kwh = DecimalStringField(places=12)
    hall_kwh = DecimalStringField(places=12)
    kwh = DecimalStringField(places=12)
    heat_kwh = DecimalStringField(places=12)
    gco2e = DecimalStringField(places=9)
    market_gco2e = DecimalStringField(places=9, allow_null=True)
    surplus_offered_kwh = DecimalStringField(places=12)
    surplus_absorbed_kwh = DecimalStringField(places=12)
    counted_at = serializers.DateTimeField()
    kpis = serializers.SerializerMethodField()

    def get_kpis(self, row: SiteDay) -> KpisAnswer:
        """The key figures of the day."""
        return KpisAnswer(site_days.read_kpis(row)).data  # type: ignore[return-value]


class SiteKpis(OrganizationView):
    """Key figures over time."""

    needs = {"GET": Permission.VIEW}

    @describe(
        "sites_kpis", "PUE, ERF, REF, CUE, J/token and surplus by day", answer=SiteDayAnswer, paged=True
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """List days, newest first; today is counted as far as it has come."""
        site = sites.find_site(organization=self.caller().organization, uid=uid)
        return self.show_page(site_days.list_days(site=site), SiteDayAnswer)


class JoulesFlagAnswer(serializers.Serializer[Any]):
    """What does not fit, and the bound that it is beyond."""

    code = serializers.CharField()
    figure = serializers.CharField()
    bound = serializers.CharField()


class JoulesFindingAnswer(serializers.Serializer[Any]):
    """What an output token takes at an offer: `joules` is what prices are built from."""

    number = serializers.IntegerField()
    basis = serializers.ChoiceField(["MEASURED", "PENALIZED", "CLAIM"])
    joules = DecimalStringField(places=9)
    claimed = DecimalStringField(places=9)
    reference = DecimalStringField(places=9, allow_null=True)
    spread = DecimalStringField(places=9, allow_null=True)
    tier = serializers.CharField()
    joules_source = serializers.CharField(source="source")
    readings = serializers.IntegerField()
    left_out = serializers.IntegerField()
    flags = JoulesFlagAnswer(many=True)
    window_start = serializers.DateTimeField()
    window_end = serializers.DateTimeField()


class OfferJoules(OrganizationView):
    """What receipts said of an offer."""

    needs = {"GET": Permission.VIEW}

    @describe(
        "offers_joules",
        "What was claimed, measured and corrected of an offer's joules",
        answer=JoulesFindingAnswer,
        paged=True,
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """List the versions, newest first."""
        offer = offers.find_offer(organization=self.caller().organization, uid=uid)
        return self.show_page(joules_findings.list_findings(offer=offer).order_by(), JoulesFindingAnswer)

"""What a site's hall does with its electricity."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import DecimalStringField
from accounts.api.schema import describe
from core.money import PRICE_PLACES
from marketplace import site_energy, sites
from marketplace.models import SiteEnergy

SHARE = 4
MONEY = PRICE_PLACES


class EnergyFields(serializers.Serializer[Any]):
    """Figures as `SiteEnergy` has them; those left out are as if nothing were said of them."""

    cooling = serializers.ChoiceField(SiteEnergy.Cooling.choices, required=False, allow_blank=True)
    pue_basis = serializers.ChoiceField(SiteEnergy.PueBasis.choices, required=False)
    line_loss = DecimalStringField(places=SHARE, required=False)
    it_kw = DecimalStringField(places=3, required=False, allow_null=True)
    load_factor = DecimalStringField(places=SHARE, required=False, allow_null=True)
    heat_reused = DecimalStringField(places=SHARE, required=False)
    heat_supply_c = DecimalStringField(places=2, required=False, allow_null=True)
    heat_price = DecimalStringField(places=MONEY, required=False)
    heat_source = serializers.CharField(max_length=200, required=False, allow_blank=True)
    market_gco2_per_kwh = DecimalStringField(places=3, required=False, allow_null=True)
    market_source = serializers.CharField(max_length=200, required=False, allow_blank=True)
    renewable_share = DecimalStringField(places=SHARE, required=False)
    matched_share = DecimalStringField(places=SHARE, required=False)
    carbon_basis = serializers.ChoiceField(SiteEnergy.CarbonBasis.choices, required=False)
    carbon_price_per_tonne = DecimalStringField(places=MONEY, required=False)
    carbon_series = serializers.CharField(max_length=80, required=False, allow_blank=True)
    hall_capital_per_watt = DecimalStringField(places=MONEY, required=False)
    hall_years = serializers.IntegerField(required=False, min_value=1, max_value=100)
    hall_rate = DecimalStringField(places=SHARE, required=False)
    opportunity_price = DecimalStringField(places=MONEY, required=False, allow_null=True)
    sources = serializers.DictField(
        child=serializers.CharField(max_length=200), required=False, help_text="By figure: where it is from."
    )


class SiteEnergyRequest(EnergyFields):
    """A site's energy; `pue` is the measured or declared one."""

    pue = DecimalStringField(places=4, required=False, allow_null=True)
    confirmed = serializers.BooleanField(
        required=False,
        help_text="The unverified PUE of the cooling is what the site has, on your word.",
    )


class SiteEnergyAnswer(EnergyFields):
    """A site's energy, and the PUE in force."""

    pue = DecimalStringField(places=4, source="site.pue")
    updated_at = serializers.DateTimeField()


class Energy(OrganizationView):
    """The energy of one site."""

    needs = {"GET": Permission.VIEW, "PUT": Permission.MANAGE_SITES}

    @describe("sites_energy", "What a site's hall does with its electricity", answer=SiteEnergyAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """What is said of it; without a word, no heat, no load and the grid's carbon."""
        site = sites.find_site(organization=self.caller().organization, uid=uid)
        return Response(SiteEnergyAnswer(site_energy.find_energy(site=site)).data)

    @describe(
        "sites_set_energy",
        "Describe a site's energy",
        request=SiteEnergyRequest,
        answer=SiteEnergyAnswer,
        refusals=(409, 422),
    )
    def put(self, request: Request, uid: UUID) -> Response:
        """Describe it anew, as a whole. Cards ahead follow within a minute; those there stay."""
        caller, wanted = self.caller(), self.read(SiteEnergyRequest)
        site = sites.find_site(organization=caller.organization, uid=uid)
        row = site_energy.set_energy(
            site=site, energy=site_energy.Energy(**wanted), actor=caller.actor, now=timezone.now()
        )
        return Response(SiteEnergyAnswer(row).data)

"""What lots of heat look like outside."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from accounts.api.fields import AmountField, DecimalStringField, PriceField
from marketplace.lots import readings
from marketplace.models import HeatDemand, HeatReading

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

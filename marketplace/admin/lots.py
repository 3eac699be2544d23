"""Operators' view of lots of power and heat; nothing of it is edited."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from marketplace.models import (
    HeatContract,
    HeatDemand,
    HeatOffer,
    HeatReading,
    PowerAward,
    PowerBid,
    PowerLot,
)


@admin.register(PowerLot)
class PowerLotAdmin(ReadOnlyAdmin):
    """Power that was listed."""

    list_display = (
        "organization",
        "kind",
        "grid_zone",
        "starts_at",
        "kw",
        "floor_price",
        "currency",
        "state",
    )
    list_filter = ("kind", "state")
    list_select_related = ("organization",)
    search_fields = ("uid", "grid_zone", "organization__name")
    ordering = ("-id",)


@admin.register(PowerBid)
class PowerBidAdmin(ReadOnlyAdmin):
    """What sites would take."""

    list_display = ("lot", "site", "kw", "kw_least", "price", "created_at", "withdrawn_at")
    list_select_related = ("lot", "site")
    search_fields = ("uid", "lot__uid", "site__name")
    ordering = ("-id",)


@admin.register(PowerAward)
class PowerAwardAdmin(ReadOnlyAdmin):
    """What sites got."""

    list_display = ("lot", "bid", "kw", "price", "awarded_at")
    list_select_related = ("lot", "bid")
    search_fields = ("uid", "lot__uid")
    ordering = ("-id",)


@admin.register(HeatDemand)
class HeatDemandAdmin(ReadOnlyAdmin):
    """Heat that is needed."""

    list_display = ("organization", "place", "country", "kw", "supply_c", "currency", "state")
    list_filter = ("state",)
    list_select_related = ("organization",)
    search_fields = ("uid", "place", "organization__name")
    ordering = ("-id",)


@admin.register(HeatOffer)
class HeatOfferAdmin(ReadOnlyAdmin):
    """Heat that sites offer."""

    list_display = ("demand", "site", "kw", "distance_km", "supply_c", "withdrawn_at")
    list_select_related = ("demand", "site")
    search_fields = ("uid", "site__name")
    ordering = ("-id",)


@admin.register(HeatContract)
class HeatContractAdmin(ReadOnlyAdmin):
    """Heat that is delivered."""

    list_display = ("buyer", "provider", "site", "fee_bps", "created_at", "ended_at")
    list_select_related = ("buyer", "provider", "site")
    search_fields = ("uid", "buyer__name", "provider__name")
    ordering = ("-id",)


@admin.register(HeatReading)
class HeatReadingAdmin(ReadOnlyAdmin):
    """What heat meters showed."""

    list_display = ("contract", "number", "read_at", "total_kwh", "amount", "state")
    list_filter = ("state",)
    list_select_related = ("contract",)
    search_fields = ("uid", "contract__uid")
    ordering = ("-id",)

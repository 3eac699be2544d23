"""Operators' view of sites, the catalogue, offers, price cards and jobs. Prices are never edited."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.audit import Actor
from accounts.models import User
from core.admin import ReadOnlyAdmin
from core.errors import DomainError
from marketplace import offers, price_cards
from marketplace.models import (
    DemandEvent,
    Job,
    JoulesFinding,
    Model,
    Offer,
    OfferTerms,
    PriceCard,
    ServingProfile,
    Site,
    SiteEnergy,
)


@admin.register(Site)
class SiteAdmin(ReadOnlyAdmin):
    """Places with one electricity supply."""

    list_display = ("name", "organization", "country", "region", "currency", "energy_price", "pue")
    list_filter = ("country", "currency")
    list_select_related = ("organization",)
    search_fields = ("name", "uid", "organization__name")
    ordering = ("-id",)


@admin.register(SiteEnergy)
class SiteEnergyAdmin(ReadOnlyAdmin):
    """What a site's hall does with its electricity."""

    list_display = ("site", "cooling", "pue_basis", "heat_reused", "market_gco2_per_kwh", "carbon_basis")
    list_filter = ("cooling", "pue_basis", "carbon_basis")
    list_select_related = ("site",)
    search_fields = ("site__name", "site__uid")
    ordering = ("-site_id",)


@admin.register(DemandEvent)
class DemandEventAdmin(ReadOnlyAdmin):
    """What somebody asked sites' load to do."""

    list_display = ("site", "programme", "name", "starts_at", "ends_at", "direction", "kw", "called_off_at")
    list_filter = ("direction",)
    list_select_related = ("site",)
    search_fields = ("uid", "programme", "name", "site__name")
    ordering = ("-starts_at",)


@admin.register(Model)
class CatalogueAdmin(ReadOnlyAdmin):
    """Models that can be bought."""

    list_display = ("slug", "name", "context_length", "max_output_default", "tokenizer")
    search_fields = ("slug", "name")
    ordering = ("slug",)


@admin.register(ServingProfile)
class ServingProfileAdmin(ReadOnlyAdmin):
    """What the energy and hardware lines of the next price card will be computed from."""

    list_display = ("offer", "joules_per_output_token", "joules_source", "tokens_per_second", "utilisation")
    list_select_related = ("offer",)
    ordering = ("-id",)


@admin.register(OfferTerms)
class OfferTermsAdmin(ReadOnlyAdmin):
    """Who carries the risk of an offer's price, and what waiting is worth."""

    list_display = ("offer", "contract", "cap", "steps", "updated_at")
    list_filter = ("contract",)
    list_select_related = ("offer",)
    search_fields = ("offer__uid",)
    ordering = ("-offer_id",)


@admin.register(JoulesFinding)
class JoulesFindingAdmin(ReadOnlyAdmin):
    """What providers claim a token takes, what receipts say, and what prices are built from."""

    list_display = (
        *("offer", "number", "basis", "claimed", "joules", "reference", "tier", "readings", "spread"),
        *("flagged", "window_end"),
    )
    list_filter = ("basis", "tier")
    list_select_related = ("offer",)
    search_fields = ("offer__uid",)
    ordering = ("-id",)

    @admin.display(description="flags")
    def flagged(self, finding: JoulesFinding) -> str:
        """Codes of what does not fit."""
        return ", ".join(flag["code"] for flag in finding.flags)


@admin.register(Offer)
class OfferAdmin(ReadOnlyAdmin):
    """What is sold; operators may pause, withdraw and reprice, which is recorded under their name."""

    list_display = ("uid", "organization", "model", "site", "currency", "unit", "slots", "state")
    list_filter = ("state", "currency", "unit")
    list_select_related = ("organization", "model", "site")
    search_fields = ("uid", "organization__name", "model__slug", "site__name")
    ordering = ("-id",)
    actions = ("pause", "withdraw", "publish_card")

    @admin.action(description="Pause: no new requests", permissions=["operate"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Offer]) -> None:
        """Take offers back to draft."""
        self._apply(request, queryset, offers.pause)

    @admin.action(description="Withdraw for good", permissions=["operate"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Offer]) -> None:
        """End offers."""
        self._apply(request, queryset, offers.withdraw)

    @admin.action(description="Publish a price card that starts now", permissions=["operate"])
    def publish_card(self, request: HttpRequest, queryset: QuerySet[Offer]) -> None:
        """Price offers anew from their sites and profiles."""
        self._apply(request, queryset, price_cards.publish_card)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Rows are never edited here, but whoever might may do what the actions do."""
        return request.user.has_perm("marketplace.change_offer")

    def _apply(self, request: HttpRequest, chosen: QuerySet[Offer], deed: Callable[..., Any]) -> None:
        assert isinstance(request.user, User)  # noqa: S101  (the admin lets in nobody else)
        for offer in chosen.select_related("organization"):
            try:
                deed(offer=offer, actor=Actor.from_user(request.user), now=timezone.now())
            except DomainError as refusal:
                self.message_user(request, f"{offer}: {refusal.message}", messages.ERROR)


@admin.register(PriceCard)
class PriceCardAdmin(ReadOnlyAdmin):
    """Prices with the lines that add up to them."""

    list_display = ("uid", "offer", "number", "starts_at", "currency", "input_price", "output_price")
    list_filter = ("currency",)
    list_select_related = ("offer",)
    search_fields = ("uid", "offer__uid")
    ordering = ("-id",)
    fields = (
        "uid",
        "offer",
        "number",
        "currency",
        "starts_at",
        "input_price",
        "cached_input_price",
        "output_price",
        "chip_second_price",
        "fee_bps",
        "lines",
        "created_at",
    )
    readonly_fields = ("lines",)

    @admin.display(description="breakdown")
    def lines(self, card: PriceCard) -> SafeString:
        """The breakdown as a table, amounts per million tokens."""
        rows = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (
                    line["line"],
                    line["per_million_tokens"]["input"],
                    line["per_million_tokens"]["output"],
                    line["per_chip_second"],
                    ", ".join(f"{name} {value}" for name, value in line["inputs"].items()),
                    ", ".join([*line["sources"], *([line["tier"]] if line["tier"] else [])]),
                )
                for line in card.explained.get("lines", ())
            ),
        )
        return format_html(
            "<table><thead><tr><th>line</th><th>input / M</th><th>output / M</th><th>chip-second</th>"
            "<th>inputs</th><th>sources and tier</th></tr></thead><tbody>{}</tbody></table>",
            rows,
        )


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """What buyers wanted done, and who was matched with it. Texts are not kept."""

    list_display = ("uid", "organization", "kind", "state", "model", "offer", "submitted_at", "finished_at")
    list_filter = ("state", "kind")
    list_select_related = ("organization", "model", "offer")
    search_fields = ("uid",)
    ordering = ("-id",)
    exclude = ("matched",)
    readonly_fields = ("choice",)
    show_full_result_count = False

    @admin.display(description="matched")
    def choice(self, job: Job) -> SafeString:
        """Who was chosen and why the others were not."""
        return format_html("<pre>{}</pre>", json.dumps(job.matched, indent=2, ensure_ascii=False))

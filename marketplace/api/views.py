"""Sites, the catalogue, and wallets' statements."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView, RestView
from accounts.api.filters import FilterRefused, Filters, Word, apply_filters
from accounts.api.schema import PAGE_PARAMETERS, describe
from billing import wallets
from billing.wallets import Cursor
from core.errors import NotFound
from core.pagination import read_page_size
from marketplace import catalogue, price_cards, sites, statements
from marketplace.api.serializers import (
    ConsequenceAnswer,
    ModelAnswer,
    ModelsAnswer,
    SiteAnswer,
    SiteChangeAnswer,
    SiteRequest,
    StatementAnswer,
)
from marketplace.catalogue import ModelEntry
from marketplace.models import Model, Offer
from marketplace.sites import Description

CURRENCY = OpenApiParameter("currency", {"type": "string", "pattern": "^[A-Z]{3,5}$"}, OpenApiParameter.PATH)


CATALOGUE_FILTERS = (
    OpenApiParameter("q", OpenApiTypes.STR, description="Part of a slug or a name, whatever the case."),
    OpenApiParameter("country", OpenApiTypes.STR, description="Models with offers there, and only those."),
    OpenApiParameter("region", OpenApiTypes.STR, description="Likewise."),
    OpenApiParameter("currency", OpenApiTypes.STR, description="Likewise."),
    OpenApiParameter("unit", enum=Offer.Unit.values, description="Likewise."),
)


class SiteFilters(Filters):
    """What sites can be narrowed by."""

    country = Word()
    grid_zone = Word()
    currency = Word()


class SiteList(OrganizationView):
    """A provider's sites."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_SITES}

    @describe("sites_list", "Sites", answer=SiteAnswer, paged=True, filters=SiteFilters)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = sites.list_sites(organization=self.caller().organization)
        return self.show_page(rows, SiteAnswer, filters=SiteFilters)

    @describe("sites_create", "Register a site", request=SiteRequest, answer=SiteAnswer, status=201)
    def post(self, request: Request) -> HttpResponse:
        """Register one."""
        wanted, caller = self.read(SiteRequest), self.caller()

        def register() -> dict[str, Any]:
            site = sites.create_site(
                organization=caller.organization,
                described=Description(**wanted),
                actor=caller.actor,
                now=timezone.now(),
            )
            return dict(SiteAnswer(site).data)

        return self.create(register)


class SiteDetail(OrganizationView):
    """One site."""

    needs = {"GET": Permission.VIEW, "PUT": Permission.MANAGE_SITES}

    @describe("sites_read", "A site", answer=SiteAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it."""
        return Response(SiteAnswer(sites.find_site(organization=self.caller().organization, uid=uid)).data)

    @describe("sites_change", "Describe a site anew", request=SiteRequest, answer=SiteChangeAnswer)
    def put(self, request: Request, uid: UUID) -> Response:
        """
        Describe it anew. Published cards keep their prices: buyers pay by them until you publish the next.

        `consequences` says for each offer here what it costs now and what its next card would cost.
        """
        wanted, caller, now = self.read(SiteRequest), self.caller(), timezone.now()
        site = sites.find_site(organization=caller.organization, uid=uid)
        changed = sites.change_site(site=site, described=Description(**wanted), actor=caller.actor, now=now)
        consequences = price_cards.list_consequences(site=changed, now=now)
        answer = ConsequenceAnswer(consequences, many=True).data
        return Response({**SiteAnswer(changed).data, "consequences": answer})


class ModelList(RestView):
    """The catalogue: every model with its live offers."""

    @describe(
        "models_list",
        "Models and their offers",
        answer=ModelsAnswer,
        refusals=(422,),
        parameters=CATALOGUE_FILTERS,
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """Every model, by slug, at the prices in force."""
        names = frozenset(one.name for one in CATALOGUE_FILTERS)
        apply_filters(Model.objects.none(), request=request, kind=None, others=names)
        wanted = {name: request.query_params[name] for name in names & request.query_params.keys()}
        if wanted.get("unit", Offer.Unit.TOKEN) not in Offer.Unit.values:
            raise FilterRefused(f"unit is one of {', '.join(Offer.Unit.values)}.", parameter="unit")
        found = [
            entry
            for one in catalogue.list_catalogue(now=timezone.now())
            if (entry := _choose(one, wanted)) is not None
        ]
        return Response(ModelsAnswer({"results": found}).data)


class ModelDetail(RestView):
    """One model of the catalogue."""

    @describe(
        "models_read", "A model and its offers", answer=ModelAnswer, refusals=(404,), organization=False
    )
    def get(self, request: Request, slug: str) -> Response:
        """Read it, with its live offers at the prices in force."""
        for one in catalogue.list_catalogue(now=timezone.now()):
            if one.slug == slug:
                return Response(ModelAnswer(one).data)
        raise NotFound


def _choose(model: ModelEntry, wanted: dict[str, str]) -> ModelEntry | None:
    """The model with the offers that are wanted; None if it is not, or has none of those."""
    needle = wanted.get("q", "").casefold()
    if needle not in model.slug.casefold() and needle not in model.name.casefold():
        return None
    properties = {name: value for name, value in wanted.items() if name != "q"}
    if not properties:
        return model
    offers = tuple(
        offer
        for offer in model.offers
        if all(getattr(offer, name) == value for name, value in properties.items())
    )
    return replace(model, offers=offers) if offers else None


class WalletStatement(OrganizationView):
    """What went into a wallet and out of it."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe(
        "wallets_statement",
        "A wallet's statement",
        answer=StatementAnswer,
        refusals=(422,),
        parameters=(CURRENCY, *PAGE_PARAMETERS),
    )
    def get(self, request: Request, currency: str) -> Response:
        """A page of it, newest first."""
        apply_filters(Model.objects.none(), request=request, kind=None)
        wallet = wallets.find_wallet(organization_id=self.caller().organization.pk, currency=currency)
        cursor = request.query_params.get("cursor")
        size = read_page_size(request.query_params.get("page_size"))
        page = statements.read_page(wallet=wallet, after=Cursor.parse(cursor) if cursor else None, size=size)
        following = None
        if page.next is not None:
            query = urlencode({"cursor": str(page.next), "page_size": size})
            following = request.build_absolute_uri(f"{request.path}?{query}")
        results = [
            {
                "id": str(line.row.cursor),
                "kind": line.row.kind,
                "happened_at": line.row.happened_at,
                "amount": line.row.amount.amount,
                "currency": line.row.amount.currency,
                "reason": line.row.reason,
                "job": line.job_uid,
                "energy": line.energy,
            }
            for line in page.lines
        ]
        body = {
            "currency": currency,
            "posted": wallet.posted.amount,
            "energy": statements.read_energy(wallet=wallet),
            "next": following,
            "results": results,
        }
        return Response(StatementAnswer(body).data)

"""Sites, the catalogue, and wallets' statements."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.schema import PAGE_PARAMETERS, describe
from billing import wallets
from billing.wallets import Cursor
from core.errors import Invalid
from core.pagination import PAGE_SIZE, PAGE_SIZE_MAX
from marketplace import catalogue, sites, statements
from marketplace.api.serializers import ModelsAnswer, SiteAnswer, SiteRequest, StatementAnswer
from marketplace.sites import Description

CURRENCY = OpenApiParameter("currency", OpenApiTypes.STR, OpenApiParameter.PATH)


class PageSizeRefused(Invalid):
    """Not a number between 1 and the most."""

    code = "invalid_page_size"


class SiteList(OrganizationView):
    """A provider's sites."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_SITES}

    @describe("sites_list", "Sites", answer=SiteAnswer, paged=True)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(sites.list_sites(organization=self.caller().organization), SiteAnswer)

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

    @describe("sites_change", "Describe a site anew", request=SiteRequest, answer=SiteAnswer)
    def put(self, request: Request, uid: UUID) -> Response:
        """Describe it anew; published cards keep their prices."""
        wanted, caller = self.read(SiteRequest), self.caller()
        site = sites.find_site(organization=caller.organization, uid=uid)
        changed = sites.change_site(
            site=site, described=Description(**wanted), actor=caller.actor, now=timezone.now()
        )
        return Response(SiteAnswer(changed).data)


class ModelList(APIView):
    """The catalogue: every model with its live offers."""

    permission_classes = (IsAuthenticated,)

    @describe("models_list", "Models and their offers", answer=ModelsAnswer, organization=False)
    def get(self, request: Request) -> Response:
        """Every model, by slug, at the prices in force."""
        return Response(ModelsAnswer({"results": catalogue.list_catalogue(now=timezone.now())}).data)


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
        wallet = wallets.find_wallet(organization_id=self.caller().organization.pk, currency=currency)
        cursor = request.query_params.get("cursor")
        size = _read_size(request.query_params.get("page_size"))
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
            }
            for line in page.lines
        ]
        body = {
            "currency": currency,
            "posted": wallet.posted.amount,
            "next": following,
            "results": results,
        }
        return Response(StatementAnswer(body).data)


def _read_size(text: str | None) -> int:
    if text is None:
        return PAGE_SIZE
    if not text.isascii() or not text.isdecimal() or len(text) > 4 or not 1 <= int(text) <= PAGE_SIZE_MAX:
        raise PageSizeRefused(f"A page has 1 to {PAGE_SIZE_MAX} rows.")
    return int(text)

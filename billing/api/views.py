"""Keys with their limits, wallets, earnings."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access, keys
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.schema import describe
from accounts.models import ApiKey, KeyMode, Organization
from billing import earnings, limits, spending_keys, wallets
from billing.api.serializers import (
    EarningsAnswer,
    KeyAnswer,
    KeyRequest,
    LimitRequest,
    NewKeyAnswer,
    WalletsAnswer,
)
from core.money import Money
from core.pagination import NewestFirst


def _find_key(organization: Organization, uid: UUID) -> ApiKey:
    rows = ApiKey.objects.select_related("organization")
    return access.find_owned(rows, organization=organization, uid=uid)


def _describe_key(key: ApiKey) -> dict[str, Any]:
    return dict(KeyAnswer(key, context={"limits": _find_limits([key])}).data)


def _find_limits(rows: Iterable[ApiKey]) -> dict[int, limits.Limit]:
    scopes = {row.spend_scope_id for row in rows if row.spend_scope_id is not None}
    return {scope: limits.find_limit(scope_id=scope) for scope in scopes}


class KeyList(OrganizationView):
    """Buyers' keys."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_KEYS}

    @describe("keys_list", "API keys", answer=KeyAnswer, paged=True)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        paginator = NewestFirst()
        rows = ApiKey.objects.filter(organization=self.caller().organization)
        page: Any = paginator.paginate_queryset(rows, request, view=self)
        context = {"limits": _find_limits(page)}
        return paginator.get_paginated_response(KeyAnswer(page, many=True, context=context).data)

    @describe("keys_create", "Issue an API key", request=KeyRequest, answer=NewKeyAnswer, status=201)
    def post(self, request: Request) -> HttpResponse:
        """Issue one; its text is shown this once."""
        wanted, caller = self.read(KeyRequest), self.caller()
        limit = wanted["limit"]
        if limit is not None:
            caller.require(Permission.MANAGE_MONEY)

        def issue() -> dict[str, Any]:
            issued = spending_keys.issue_key(
                organization=caller.organization,
                name=wanted["name"],
                mode=KeyMode(wanted["mode"]),
                actor=caller.actor,
                now=timezone.now(),
                expires_at=wanted["expires_at"],
                ceiling=Money(limit["amount"], limit["currency"]) if limit else None,
            )
            return {**_describe_key(issued.key), "secret": issued.text}

        return self.create(issue, secret="secret")  # noqa: S106 - the field's name


class KeyRevocation(OrganizationView):
    """The end of a key."""

    needs = {"POST": Permission.MANAGE_KEYS}

    @describe("keys_revoke", "Revoke an API key", answer=KeyAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """End it at once, everywhere."""
        caller = self.caller()
        key = _find_key(caller.organization, uid)
        keys.revoke_key(key=key, actor=caller.actor, now=timezone.now())
        return Response(_describe_key(key))


class KeyLimit(OrganizationView):
    """The spending limit of a key."""

    needs = {"PUT": Permission.MANAGE_MONEY}

    @describe("keys_limit", "Limit an API key", request=LimitRequest, answer=KeyAnswer, refusals=(409,))
    def put(self, request: Request, uid: UUID) -> Response:
        """Give the key a limit, or change it; what was spent stays spent."""
        wanted, caller = self.read(LimitRequest), self.caller()
        key = _find_key(caller.organization, uid)
        ceiling = Money(wanted["amount"], wanted["currency"])
        spending_keys.change_limit(key=key, ceiling=ceiling, actor=caller.actor, now=timezone.now())
        return Response(_describe_key(key))


class WalletList(OrganizationView):
    """Prepaid money."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("wallets_list", "Wallets", answer=WalletsAnswer)
    def get(self, request: Request) -> Response:
        """Every wallet, oldest first."""
        found = wallets.list_wallets(organization_id=self.caller().organization.pk)
        return Response(WalletsAnswer({"results": found}).data)


class EarningList(OrganizationView):
    """What was earned by providing."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("earnings_list", "Earnings", answer=EarningsAnswer)
    def get(self, request: Request) -> Response:
        """What is owed in every currency."""
        found = earnings.list_earnings(organization_id=self.caller().organization.pk)
        return Response(EarningsAnswer({"results": found}).data)

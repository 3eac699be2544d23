"""Keys with their limits, wallets, earnings."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access, keys, projects, rates
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.filters import Choice, Filters, Is, Uid
from accounts.api.schema import describe
from accounts.models import ApiKey, KeyMode, Organization
from accounts.rates import RateLimits
from billing import earnings, limits, spending_keys, wallets
from billing.api.serializers import (
    EarningsAnswer,
    KeyAnswer,
    KeyChange,
    KeyRequest,
    LimitRequest,
    NewKeyAnswer,
    RateRequest,
    WalletsAnswer,
)
from billing.limits import Period
from core.money import Money


def _find_key(organization: Organization, uid: UUID) -> ApiKey:
    rows = ApiKey.objects.select_related("organization", "project")
    return access.find_owned(rows, organization=organization, uid=uid)


def _describe_key(key: ApiKey) -> dict[str, Any]:
    return dict(KeyAnswer(key, context={"limits": _find_limits([key])}).data)


def _find_limits(rows: Iterable[ApiKey]) -> dict[int, list[limits.Limit]]:
    return limits.list_key_limits(key_ids=[row.pk for row in rows], now=timezone.now())


class KeyFilters(Filters):
    """What keys can be narrowed by."""

    mode = Choice(KeyMode.values)
    revoked = Is("revoked_at", help_text="Whether it was revoked.")
    project = Uid(field_name="project__uid", help_text="That it is in itself.")


class KeyList(OrganizationView):
    """Buyers' keys."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_KEYS}

    @describe("keys_list", "API keys", answer=KeyAnswer, paged=True, filters=KeyFilters)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(
            ApiKey.objects.select_related("project").filter(organization=self.caller().organization),
            KeyAnswer,
            filters=KeyFilters,
            describe=lambda page: {"limits": _find_limits(page)},
        )

    @describe("keys_create", "Issue an API key", request=KeyRequest, answer=NewKeyAnswer, status=201)
    def post(self, request: Request) -> HttpResponse:
        """Issue one; its text is shown this once."""
        wanted, caller = self.read(KeyRequest), self.caller()
        limit, project = wanted["limit"], wanted["project"]
        if limit is not None or project is not None:
            # A project has limits, and what spends there takes from them.
            caller.require(Permission.MANAGE_MONEY)
        if project is not None:
            project = projects.find_project(organization=caller.organization, uid=project)

        def issue() -> dict[str, Any]:
            issued = spending_keys.issue_key(
                organization=caller.organization,
                name=wanted["name"],
                mode=KeyMode(wanted["mode"]),
                actor=caller.actor,
                now=timezone.now(),
                expires_at=wanted["expires_at"],
                ceiling=Money(limit["amount"], limit["currency"]) if limit else None,
                period=Period(limit["period"]) if limit else Period.LIFETIME,
                project=project,
                rate=RateLimits(**wanted["rate"] or {}),
            )
            return {**_describe_key(issued.key), "secret": issued.text}

        return self.create(issue, secret="secret")  # noqa: S106 - the field's name


class KeyDetail(OrganizationView):
    """One key."""

    needs = {"GET": Permission.VIEW, "PATCH": Permission.MANAGE_KEYS}

    @describe("keys_read", "An API key", answer=KeyAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it, without its text."""
        return Response(_describe_key(_find_key(self.caller().organization, uid)))

    @describe("keys_rename", "Rename an API key", request=KeyChange, answer=KeyAnswer)
    def patch(self, request: Request, uid: UUID) -> Response:
        """Give it another name; what it may do stays."""
        wanted, caller = self.read(KeyChange), self.caller()
        key = _find_key(caller.organization, uid)
        keys.rename_key(key=key, name=wanted["name"], actor=caller.actor, now=timezone.now())
        return Response(_describe_key(key))


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
        """Give the key a limit for a period, or change it; what was spent stays spent."""
        wanted, caller = self.read(LimitRequest), self.caller()
        key = _find_key(caller.organization, uid)
        ceiling = Money(wanted["amount"], wanted["currency"])
        spending_keys.change_limit(
            key=key,
            ceiling=ceiling,
            period=Period(wanted["period"]),
            actor=caller.actor,
            now=timezone.now(),
        )
        return Response(_describe_key(key))


class KeyRate(OrganizationView):
    """How much a key may ask for."""

    needs = {"PUT": Permission.MANAGE_KEYS}

    @describe("keys_rate", "Limit how much a key asks for", request=RateRequest, answer=KeyAnswer)
    def put(self, request: Request, uid: UUID) -> Response:
        """Replace all three limits at once; they only lower what the organization is allowed."""
        wanted, caller = self.read(RateRequest), self.caller()
        key = _find_key(caller.organization, uid)
        rates.limit_key(key=key, limits=RateLimits(**wanted), actor=caller.actor, now=timezone.now())
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

"""Spending limits of keys, members and projects, and test money."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import AmountField
from accounts.api.filters import Choice, Filters, Word
from accounts.api.schema import describe
from billing import limits, xts
from billing.api.serializers import CURRENCY, LimitAnswer, WalletAnswer
from billing.limits import Kind, Limit, Period
from billing.models import SpendingLimit
from core.money import Money

KINDS = [(name, name.capitalize()) for name in Kind.names]


class NewLimitRequest(serializers.Serializer[Any]):
    """What may be spent by whom in each period."""

    kind = serializers.ChoiceField(choices=KINDS, help_text="Whose limit it is.")
    subject = serializers.UUIDField(help_text="The uid of the key, the person or the project.")
    period = serializers.ChoiceField(choices=Period.choices, help_text="In UTC; weeks begin on Monday.")
    amount = AmountField()
    currency = serializers.RegexField(CURRENCY)


class AmountRequest(serializers.Serializer[Any]):
    """Another ceiling, in the limit's currency."""

    amount = AmountField()


class WholeLimitAnswer(LimitAnswer):
    """A limit, and whose it is."""

    kind = serializers.SerializerMethodField()
    subject = serializers.UUIDField(source="subject.uid")
    name = serializers.CharField(source="subject.name", help_text="Of the key, the person or the project.")
    created_at = serializers.DateTimeField()

    @extend_schema_field(serializers.ChoiceField(choices=KINDS))
    def get_kind(self, limit: Limit) -> str:
        """KEY, MEMBER or PROJECT."""
        return limit.subject.kind.name


class LimitFilters(Filters):
    """What limits can be narrowed by."""

    kind = Choice(Kind.names, method="choose_kind", help_text="Whose limits.")
    period = Choice(Period.values)
    currency = Word()

    def choose_kind(self, rows: QuerySet[SpendingLimit], name: str, value: str) -> QuerySet[SpendingLimit]:
        """Rows of a kind, which is a number inside."""
        return rows.filter(kind=getattr(Kind, value))


class LimitList(OrganizationView):
    """An organization's spending limits."""

    needs = {"GET": Permission.VIEW_MONEY, "POST": Permission.MANAGE_MONEY}

    @describe("limits_list", "Spending limits", answer=WholeLimitAnswer, paged=True, filters=LimitFilters)
    def get(self, request: Request) -> Response:
        """List those in force with what is spent and held, newest first."""
        return self.show_page(
            limits.list_limits(organization=self.caller().organization),
            WholeLimitAnswer,
            filters=LimitFilters,
            convert=lambda page: limits.read_limits(page, now=timezone.now()),
        )

    @describe("limits_create", "Limit spending", request=NewLimitRequest, answer=WholeLimitAnswer, status=201)
    def post(self, request: Request) -> HttpResponse:
        """Limit a key, a member or a project. It counts what begins from now on."""
        wanted, caller = self.read(NewLimitRequest), self.caller()
        subject = limits.find_subject(
            organization=caller.organization, kind=getattr(Kind, wanted["kind"]), uid=wanted["subject"]
        )

        def limit() -> dict[str, Any]:
            made = limits.create_limit(
                organization=caller.organization,
                subject=subject,
                period=Period(wanted["period"]),
                ceiling=Money(wanted["amount"], wanted["currency"]),
                actor=caller.actor,
                now=timezone.now(),
            )
            return dict(WholeLimitAnswer(made).data)

        return self.create(limit)


class LimitDetail(OrganizationView):
    """One spending limit."""

    needs = {
        "GET": Permission.VIEW_MONEY,
        "PATCH": Permission.MANAGE_MONEY,
        "DELETE": Permission.MANAGE_MONEY,
    }

    @describe("limits_read", "A spending limit", answer=WholeLimitAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read what is spent, held and left of it."""
        return Response(WholeLimitAnswer(self._read_limit(uid)).data)

    @describe("limits_change", "Change a spending limit", request=AmountRequest, answer=WholeLimitAnswer)
    def patch(self, request: Request, uid: UUID) -> Response:
        """Raise or lower it; what was spent stays spent. Below that, nothing more begins."""
        wanted, caller = self.read(AmountRequest), self.caller()
        known = self._read_limit(uid)
        changed = limits.set_limit(
            organization=caller.organization,
            subject=known.subject,
            period=known.period,
            ceiling=Money(wanted["amount"], known.currency),
            actor=caller.actor,
            now=timezone.now(),
        )
        return Response(WholeLimitAnswer(changed).data)

    @describe("limits_remove", "Remove a spending limit", answer=None, status=204)
    def delete(self, request: Request, uid: UUID) -> Response:
        """Remove it; set again, it knows what was spent under it."""
        caller = self.caller()
        row = limits.find_limit(organization=caller.organization, uid=uid)
        limits.end_limit(row=row, actor=caller.actor, now=timezone.now())
        return Response(status=204)

    def _read_limit(self, uid: UUID) -> Limit:
        row = limits.find_limit(organization=self.caller().organization, uid=uid)
        return limits.read_limits([row], now=timezone.now())[0]


class TestMoney(OrganizationView):
    """Money for test keys."""

    needs = {"POST": Permission.USE}

    @describe("test_money_fill", "Fill the test wallet", answer=WalletAnswer, status=201, refusals=(429,))
    def post(self, request: Request) -> HttpResponse:
        """Fill the wallet from which test keys pay; it is free, and worth nothing."""
        # Read before it may be hashed.
        _ = request.body
        caller = self.caller()

        def fill() -> dict[str, Any]:
            wallet = xts.fill_wallet(organization=caller.organization, actor=caller.actor, now=timezone.now())
            return dict(WalletAnswer(wallet).data)

        return self.create(fill)

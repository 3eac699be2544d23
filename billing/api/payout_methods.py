"""Where a provider wants to be paid, and where an organization sends USDC."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import AmountField
from accounts.api.filters import Choice, Filters, Word
from accounts.api.schema import describe
from billing.api.serializers import CURRENCY
from billing.models import ChainDeposit, PayoutMethod
from billing.rails import methods, registry
from billing.rails.chain import deposits
from billing.rails.terms import TERMS
from core.errors import Invalid

COUNTRY = r"^[A-Z]{2}$"


class PayoutMethodRequest(serializers.Serializer[Any]):
    """Where to be paid. What belongs into `details` is listed by `/api/payout-rails`."""

    rail = serializers.ChoiceField(choices=sorted(registry.RAILS))
    currency = serializers.RegexField(CURRENCY)
    country = serializers.RegexField(COUNTRY, help_text="Of the account: ISO 3166-1 alpha-2.")
    details = serializers.DictField(child=serializers.CharField(max_length=1000, allow_blank=True))


class PayoutMethodAnswer(serializers.Serializer[Any]):
    """One account on one rail; its details are never shown again."""

    uid = serializers.UUIDField()
    rail = serializers.CharField()
    currency = serializers.CharField()
    country = serializers.CharField()
    hint = serializers.CharField(help_text="Enough to know which account it is.")
    rank = serializers.IntegerField(help_text="The lowest is tried first.")
    state = serializers.ChoiceField(choices=PayoutMethod.State.choices)
    reason = serializers.CharField(help_text="Why it is blocked, if it is.")
    added_at = serializers.DateTimeField()
    payable_from = serializers.DateTimeField(help_text="Nothing is paid to it before.")
    verified_at = serializers.DateTimeField(allow_null=True)


class PayoutOrderRequest(serializers.Serializer[Any]):
    """All methods, the first to be tried first."""

    methods = serializers.ListField(child=serializers.UUIDField(), max_length=methods.METHODS_MAX)


class PayoutOrderAnswer(serializers.Serializer[Any]):
    """All methods in their order."""

    methods = PayoutMethodAnswer(many=True)


class RailAnswer(serializers.Serializer[Any]):
    """A rail for a currency and a country."""

    rail = serializers.CharField()
    refusal = serializers.CharField(help_text="Why it does not pay there; empty if it does.")
    details = serializers.ListField(child=serializers.CharField(), help_text="What it asks for.")
    minimum = AmountField(allow_null=True, help_text="The least it pays in one go.")


class RailsAnswer(serializers.Serializer[Any]):
    """All rails."""

    rails = RailAnswer(many=True)


class DepositAddressAnswer(serializers.Serializer[Any]):
    """Where to send USDC; null before it was asked for."""

    address = serializers.CharField(allow_null=True)


class DepositAnswer(serializers.Serializer[Any]):
    """USDC that arrived at the organization's address."""

    transaction = serializers.CharField(source="tx_hash")
    log_index = serializers.IntegerField()
    chain = serializers.IntegerField(source="chain_id")
    block = serializers.IntegerField(source="block_number")
    sender = serializers.CharField()
    amount = AmountField()
    state = serializers.ChoiceField(choices=ChainDeposit.State.choices)
    seen_at = serializers.DateTimeField()
    credited_at = serializers.DateTimeField(allow_null=True)


class MethodFilters(Filters):
    """What methods can be narrowed by."""

    currency = Word()
    state = Choice(PayoutMethod.State.values)


class PayoutMethodList(OrganizationView):
    """Where a provider wants to be paid."""

    needs = {"GET": Permission.VIEW_MONEY, "POST": Permission.MANAGE_MONEY}

    @describe(
        "payout_methods_list", "Payout methods", answer=PayoutMethodAnswer, paged=True, filters=MethodFilters
    )
    def get(self, request: Request) -> Response:
        """List them, removed ones too, the newest first; `rank` is the order in which they are tried."""
        rows = PayoutMethod.objects.filter(organization=self.caller().organization)
        return self.show_page(rows, PayoutMethodAnswer, filters=MethodFilters)

    @describe(
        "payout_methods_create",
        "Add a payout method",
        request=PayoutMethodRequest,
        answer=PayoutMethodAnswer,
        status=201,
    )
    def post(self, request: Request) -> HttpResponse:
        """Add an account. It is checked by an operator, and paid three days later at the earliest."""
        wanted, caller = self.read(PayoutMethodRequest), self.caller()

        def add() -> dict[str, Any]:
            made = methods.add_method(
                organization=caller.organization, **wanted, actor=caller.actor, now=timezone.now()
            )
            return dict(PayoutMethodAnswer(made).data)

        return self.create(add)


class PayoutMethodDetail(OrganizationView):
    """One payout method."""

    needs = {"GET": Permission.VIEW_MONEY, "DELETE": Permission.MANAGE_MONEY}

    @describe("payout_methods_read", "A payout method", answer=PayoutMethodAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read its state, and why it is blocked if it is."""
        found = methods.find_method(organization=self.caller().organization, uid=uid)
        return Response(PayoutMethodAnswer(found).data)

    @describe("payout_methods_remove", "Remove a payout method", answer=None, status=204)
    def delete(self, request: Request, uid: UUID) -> Response:
        """Remove it. A payout that was agreed to for it goes by the next one."""
        caller = self.caller()
        found = methods.find_method(organization=caller.organization, uid=uid)
        methods.retire_method(method=found, actor=caller.actor, now=timezone.now())
        return Response(status=204)


class PayoutOrder(OrganizationView):
    """In which order methods are tried."""

    needs = {"PUT": Permission.MANAGE_MONEY}

    @describe(
        "payout_methods_order",
        "Order payout methods",
        request=PayoutOrderRequest,
        answer=PayoutOrderAnswer,
    )
    def put(self, request: Request) -> Response:
        """Name each method once, the first to be tried first."""
        wanted, caller = self.read(PayoutOrderRequest), self.caller()
        listed = methods.order_methods(
            organization=caller.organization,
            uids=wanted["methods"],
            actor=caller.actor,
            now=timezone.now(),
        )
        return Response(PayoutOrderAnswer({"methods": listed}).data)


class RailList(OrganizationView):
    """By which rails money can be sent somewhere."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe(
        "payout_rails_list",
        "Rails for a currency and a country",
        answer=RailsAnswer,
        refusals=(422,),
        parameters=(
            OpenApiParameter("currency", required=True, pattern=CURRENCY),
            OpenApiParameter("country", required=True, pattern=COUNTRY),
        ),
    )
    def get(self, request: Request) -> Response:
        """Say of each whether it pays there, what it asks for, and the least it pays."""
        currency, country = (request.query_params.get(name, "") for name in ("currency", "country"))
        if not (currency.isalpha() and currency.isupper() and len(country) == 2 and country.isupper()):
            raise Invalid("Name a currency and a country: ?currency=EUR&country=DE.", parameter="currency")
        return Response(RailsAnswer({"rails": describe_rails(currency, country)}).data)


class DepositAddressDetail(OrganizationView):
    """Where an organization sends USDC."""

    needs = {"GET": Permission.VIEW_MONEY, "POST": Permission.MANAGE_MONEY}

    @describe("deposit_address_read", "The deposit address", answer=DepositAddressAnswer)
    def get(self, request: Request) -> Response:
        """Read it, if there is one."""
        return Response({"address": deposits.find_address(organization=self.caller().organization)})

    @describe("deposit_address_assign", "Get a deposit address", answer=DepositAddressAnswer, refusals=(503,))
    def post(self, request: Request) -> Response:
        """Get an address for USDC, which stays yours; the one you have, if you have one."""
        caller = self.caller()
        given = deposits.assign_address(
            organization=caller.organization, actor=caller.actor, now=timezone.now()
        )
        return Response({"address": given})


class DepositList(OrganizationView):
    """What arrived on chain."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("deposits_list", "Deposits of USDC", answer=DepositAnswer, paged=True)
    def get(self, request: Request) -> Response:
        """List them, the newest first; they are credited when enough blocks lie on them."""
        return self.show_page(deposits.list_deposits(organization=self.caller().organization), DepositAnswer)


def describe_rails(currency: str, country: str) -> list[dict[str, Any]]:
    """Of every rail whether it pays there, what it asks for, and the least it pays."""
    described = []
    for rail in registry.list_rails():
        refusal = TERMS.find_refusal(rail=rail.name, currency=currency, country=country)
        described.append(
            {
                "rail": rail.name,
                "refusal": refusal.message if refusal else "",
                "details": [] if refusal else rail.list_fields(currency=currency, country=country),
                "minimum": None if refusal else rail.minimum(currency),
            }
        )
    return described

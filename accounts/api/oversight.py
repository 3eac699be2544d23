"""For operators: organizations, and how much their keys may ask for."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access, rates
from accounts.api.fields import RateField
from accounts.api.filters import Filters, Word
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from accounts.api.serializers import OrganizationAnswer
from accounts.models import Organization
from accounts.rates import RateLimits


class AllowanceRequest(serializers.Serializer[Any]):
    """How much the keys of an organization may ask for; null: the platform's default."""

    key_requests_per_minute = RateField(help_text="Of each key.")
    key_tokens_per_minute = RateField(help_text="Of each key.")
    concurrent_requests = RateField(help_text="Of all keys together.")


class OverseenAnswer(OrganizationAnswer):
    """An organization as operators see it."""

    key_requests_per_minute = serializers.IntegerField(allow_null=True)
    key_tokens_per_minute = serializers.IntegerField(allow_null=True)
    concurrent_requests = serializers.IntegerField(allow_null=True)


class OverseenFilters(Filters):
    """What organizations can be narrowed by."""

    name = Word(lookup_expr="icontains", help_text="Part of it, whatever the case.")
    country = Word()
    member = Word(field_name="members__email", lookup_expr="iexact", help_text="A member's address.")


class OverseenList(OperatorView):
    """Every organization."""

    rights = {"GET": "accounts.view_organization"}

    @describe(
        "operator_organizations_list",
        "Organizations",
        answer=OverseenAnswer,
        paged=True,
        filters=OverseenFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(Organization.objects.all(), OverseenAnswer, filters=OverseenFilters)


class Allowance(OperatorView):
    """How much the keys of an organization may ask for."""

    rights = {"PUT": "accounts.change_organization"}

    @describe(
        "operator_organizations_rate",
        "Limit how much an organization's keys ask for",
        request=AllowanceRequest,
        answer=OverseenAnswer,
        refusals=(403, 404),
        organization=False,
    )
    def put(self, request: Request, uid: UUID) -> Response:
        """Replace all three limits at once; gateways follow within seconds."""
        wanted = self.read(AllowanceRequest)
        organization = access.get_or_refuse(Organization.objects.all(), uid=uid)
        limits = RateLimits(
            requests_per_minute=wanted["key_requests_per_minute"],
            tokens_per_minute=wanted["key_tokens_per_minute"],
            concurrent_requests=wanted["concurrent_requests"],
        )
        rates.limit_organization(
            organization=organization, limits=limits, actor=self.actor(), now=timezone.now()
        )
        return Response(OverseenAnswer(organization).data)

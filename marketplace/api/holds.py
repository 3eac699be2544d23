"""Money that is set aside for jobs."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import AmountField
from accounts.api.filters import Choice, Filters, Since, Until, Word
from accounts.api.schema import describe
from core.quantities import format_plain
from marketplace.models import Job

STATES = ["OPEN", "CLOSED"]


class HoldAnswer(serializers.Serializer[Any]):
    """What was set aside for a job, and what of it still is; the rest was charged or given back."""

    job = serializers.UUIDField(source="uid")
    amount = AmountField(source="hold.amount")
    held = serializers.SerializerMethodField(help_text="What is still set aside.")
    currency = serializers.CharField(source="hold.currency")
    state = serializers.ChoiceField(source="hold.state", choices=STATES)
    opened_at = serializers.DateTimeField(source="hold.opened_at")
    closed_at = serializers.DateTimeField(source="hold.closed_at", allow_null=True)

    @extend_schema_field(AmountField())
    def get_held(self, job: Job) -> str:
        """What is still set aside."""
        hold: Any = job.hold
        return format_plain(hold.amount - hold.released)


class HoldFilters(Filters):
    """What holds can be narrowed by."""

    state = Choice(STATES, field_name="hold__state")
    currency = Word(field_name="hold__currency")
    since = Since("hold__opened_at")
    until = Until("hold__opened_at")


class HoldList(OrganizationView):
    """What is set aside for an organization's jobs."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("holds_list", "Holds", answer=HoldAnswer, paged=True, filters=HoldFilters)
    def get(self, request: Request) -> Response:
        """List them, newest first: what running and waiting jobs may cost at most."""
        rows = Job.objects.select_related("hold").filter(
            organization=self.caller().organization, hold__isnull=False
        )
        return self.show_page(rows, HoldAnswer, filters=HoldFilters)

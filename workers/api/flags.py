"""For operators: what was odd about metering."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.api.filters import Filters, Is, Since, Uid, Until, Word
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from workers import flags
from workers.models import MeterFlag


class ResolutionRequest(serializers.Serializer[Any]):
    """What an operator found."""

    note = serializers.CharField(max_length=1000)


class ResolutionAnswer(serializers.Serializer[Any]):
    """What an operator found, and when."""

    note = serializers.CharField()
    resolved_by = serializers.EmailField(source="resolved_by.email")
    resolved_at = serializers.DateTimeField()


class FlagAnswer(serializers.Serializer[Any]):
    """Something odd about how an attempt was metered."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    attempt = serializers.UUIDField(source="attempt.uid")
    job = serializers.UUIDField(source="attempt.job.uid")
    provider = serializers.UUIDField(source="attempt.offer.organization.uid")
    node = serializers.UUIDField(source="attempt.node.uid")
    details = serializers.DictField()
    created_at = serializers.DateTimeField()
    resolution = serializers.SerializerMethodField()

    @extend_schema_field(ResolutionAnswer(allow_null=True))
    def get_resolution(self, flag: MeterFlag) -> dict[str, Any] | None:
        """Null while nobody has looked."""
        found = getattr(flag, "resolution", None)
        return dict(ResolutionAnswer(found).data) if found else None


class FlagFilters(Filters):
    """What flags can be narrowed by."""

    kind = Word()
    attempt = Uid(field_name="attempt__uid")
    provider = Uid(field_name="attempt__offer__organization__uid")
    resolved = Is("resolution", help_text="Whether an operator has looked.")
    since = Since("created_at")
    until = Until("created_at")


class FlagList(OperatorView):
    """What was odd."""

    rights = {"GET": "workers.view_meterflag"}

    @describe(
        "operator_flags_list",
        "Flags",
        answer=FlagAnswer,
        paged=True,
        filters=FlagFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(flags.list_flags(), FlagAnswer, filters=FlagFilters)


class FlagResolving(OperatorView):
    """An operator's word on a flag."""

    rights = {"POST": "workers.add_flagresolution"}

    @describe(
        "operator_flags_resolve",
        "Resolve a flag",
        request=ResolutionRequest,
        answer=FlagAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, number: int) -> Response:
        """Say what was found; once, and for good."""
        wanted = self.read(ResolutionRequest)
        flag = access.get_or_refuse(flags.list_flags(), pk=number)
        flags.resolve_flag(flag=flag, note=wanted["note"], actor=self.actor(), now=timezone.now())
        return Response(FlagAnswer(access.get_or_refuse(flags.list_flags(), pk=number)).data)

"""For operators: at which addresses of providers' own buyers' requests may be sent."""

from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.api.filters import Choice, Filters, Since, Uid, Until
from accounts.api.operators import OperatorsOnly, OperatorView
from accounts.api.schema import describe
from accounts.models import User
from workers import upstreams
from workers.api.upstreams import UpstreamAnswer
from workers.models import DirectUpstream

UPSTREAMS = DirectUpstream.objects.select_related("node__organization", "decided_by")


class SubmittedAnswer(UpstreamAnswer):
    """An address that a provider submitted, and whose it is."""

    uid = serializers.UUIDField()
    node = serializers.UUIDField(source="node.uid")
    provider = serializers.UUIDField(source="node.organization.uid")
    provider_name = serializers.CharField(source="node.organization.name")
    decided_by = serializers.EmailField(source="decided_by.email", allow_null=True, default=None)


class SubmittedFilters(Filters):
    """What addresses can be narrowed by."""

    state = Choice(DirectUpstream.State.values)
    provider = Uid(field_name="node__organization__uid")
    since = Since("submitted_at")
    until = Until("submitted_at")


class SubmittedList(OperatorView):
    """Addresses that providers submitted."""

    rights = {"GET": "workers.view_directupstream"}

    @describe(
        "operator_upstreams_list",
        "Providers' own addresses",
        answer=SubmittedAnswer,
        paged=True,
        filters=SubmittedFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first; no credential is shown."""
        return self.show_page(UPSTREAMS.all(), SubmittedAnswer, filters=SubmittedFilters)


class Decision(OperatorView):
    """An operator's word on an address."""

    rights = {"POST": "workers.change_directupstream"}
    deed: ClassVar[Callable[..., None]]

    def decide(self, uid: UUID) -> Response:
        """Say it, under the operator's name."""
        operator = self.request.user
        if not isinstance(operator, User):
            raise OperatorsOnly
        upstream = access.get_or_refuse(UPSTREAMS.all(), uid=uid)
        type(self).deed(upstream=upstream, operator=operator, now=timezone.now())
        return Response(SubmittedAnswer(upstream).data)


class Admission(Decision):
    """Let an address be called."""

    deed = upstreams.admit_upstream

    @describe(
        "operator_upstreams_admit",
        "Admit an address",
        answer=SubmittedAnswer,
        refusals=(403, 404, 409, 422, 502),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Have buyers' requests sent there; its name is resolved once more, and must lead outside."""
        return self.decide(uid)


class Refusal(Decision):
    """Let an address not be called."""

    deed = upstreams.refuse_upstream

    @describe(
        "operator_upstreams_refuse",
        "Refuse an address",
        answer=SubmittedAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Have nothing sent there, from now on if it was admitted."""
        return self.decide(uid)

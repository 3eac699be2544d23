"""Direct upstreams: the address of a provider's own at which a node is called."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.schema import describe
from workers import nodes, upstreams
from workers.models import DirectUpstream, Node
from workers.upstream.guard import URL_LENGTH_MAX


class UpstreamRequest(serializers.Serializer[Any]):
    """Where a node answers, with what it is opened, and how much it takes."""

    url = serializers.CharField(
        max_length=URL_LENGTH_MAX, help_text="As an SDK's base_url: https, up to and with /v1."
    )
    credential = serializers.CharField(
        required=False,
        allow_null=True,
        default=None,
        write_only=True,
        max_length=4096,
        help_text="Sent as bearer token. Kept encrypted, never shown; absent: the one that is kept stays.",
    )
    slots = serializers.IntegerField(
        min_value=1, max_value=100_000, help_text="How many requests it takes at once."
    )


class UpstreamAnswer(serializers.Serializer[Any]):
    """What is registered, and whether an operator has admitted it."""

    url = serializers.CharField()
    slots = serializers.IntegerField()
    state = serializers.ChoiceField(choices=DirectUpstream.State.choices)
    submitted_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    credential_set_at = serializers.DateTimeField()


class NodeUpstream(OrganizationView):
    """A node's address without an agent."""

    needs = {
        "GET": Permission.VIEW,
        "PUT": Permission.MANAGE_SITES,
        "DELETE": Permission.MANAGE_SITES,
    }

    def _find(self, uid: UUID) -> Node:
        return nodes.find_node(organization=self.caller().organization, uid=uid)

    @describe("nodes_upstream_read", "A node's own address", answer=UpstreamAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it; the credential is never shown."""
        return Response(UpstreamAnswer(upstreams.find_upstream(node=self._find(uid))).data)

    @describe(
        "nodes_upstream_submit",
        "Have a node called at an address of its own",
        request=UpstreamRequest,
        answer=UpstreamAnswer,
        refusals=(409,),
    )
    def put(self, request: Request, uid: UUID) -> Response:
        """Submit it; a new address is called once an operator has admitted it."""
        wanted = self.read(UpstreamRequest)
        upstream = upstreams.submit_upstream(
            node=self._find(uid),
            url=wanted["url"],
            credential=wanted["credential"],
            slots=wanted["slots"],
            actor=self.caller().actor,
            now=timezone.now(),
        )
        return Response(UpstreamAnswer(upstream).data)

    @describe("nodes_upstream_remove", "Have a node called by its agent again", answer=None, status=204)
    def delete(self, request: Request, uid: UUID) -> Response:
        """Forget the address and its credential."""
        upstreams.remove_upstream(node=self._find(uid), actor=self.caller().actor, now=timezone.now())
        return Response(status=204)

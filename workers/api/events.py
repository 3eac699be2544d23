"""What happened to a node's connection, for its provider: a token used twice, a refused receipt."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.filters import Filters, Since, Until, Word
from accounts.api.schema import describe
from workers import nodes
from workers.models import NodeEvent


class NodeEventAnswer(serializers.Serializer[Any]):
    """
    SECOND_CONNECTION: the token was used twice at once, and the first connection was ended.
    CREDENTIAL_REFUSED: the node's own address answered 401 or 403; told at most every ten minutes.
    """

    kind = serializers.CharField()
    details = serializers.JSONField()
    created_at = serializers.DateTimeField()


class NodeEventFilters(Filters):
    """What events can be narrowed by."""

    kind = Word()
    since = Since("created_at")
    until = Until("created_at")


class NodeEventList(OrganizationView):
    """A node's events."""

    needs = {"GET": Permission.VIEW}

    @describe(
        "nodes_events",
        "What happened to a node",
        answer=NodeEventAnswer,
        paged=True,
        filters=NodeEventFilters,
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """List them, newest first."""
        node = nodes.find_node(organization=self.caller().organization, uid=uid)
        return self.show_page(NodeEvent.objects.filter(node=node), NodeEventAnswer, filters=NodeEventFilters)

"""Receipts that agents signed, and the keys that prove them."""

import base64
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import DecimalStringField
from accounts.api.filters import Filters, Since, Until, Word
from accounts.api.schema import describe
from workers import jobs, nodes, receipts, usage
from workers.receipts import Signed


class ReceiptAnswer(serializers.Serializer[Any]):
    """An agent's signed statement. The signature (Ed25519) is over the bytes of `body`, decoded."""

    attempt = serializers.UUIDField(source="receipt.attempt_uid")
    node = serializers.UUIDField(source="receipt.node.uid")
    body = serializers.SerializerMethodField(help_text="Base64.")
    signature = serializers.SerializerMethodField(help_text="Base64.")
    public_key = serializers.SerializerMethodField(help_text="Pinned to a token of the node; hexadecimal.")
    key_id = serializers.CharField(source="receipt.key_id")
    input_tokens = serializers.IntegerField(source="receipt.claim_in", allow_null=True)
    cached_tokens = serializers.IntegerField(source="receipt.claim_cached", allow_null=True)
    output_tokens = serializers.IntegerField(source="receipt.claim_out", allow_null=True)
    joules = DecimalStringField(places=3, source="receipt.joules")
    tier = serializers.CharField(source="receipt.tier")
    started_at = serializers.DateTimeField(source="receipt.started_at")
    ended_at = serializers.DateTimeField(source="receipt.ended_at")
    received_at = serializers.DateTimeField(source="receipt.received_at")

    def get_body(self, signed: Signed) -> str:
        """What was signed."""
        return base64.b64encode(bytes(signed.receipt.body)).decode()

    def get_signature(self, signed: Signed) -> str:
        """By the node's agent."""
        return base64.b64encode(bytes(signed.receipt.signature)).decode()

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_public_key(self, signed: Signed) -> str | None:
        """What to check it with."""
        return None if signed.public_key is None else signed.public_key.hex()


class NodeKeyAnswer(serializers.Serializer[Any]):
    """A key that agents of a node signed with; receipts name it by `key_id`."""

    key_id = serializers.CharField()
    algorithm = serializers.SerializerMethodField()
    public_key = serializers.SerializerMethodField(help_text="Raw, hexadecimal.")
    given_at = serializers.DateTimeField(help_text="When the token was given that it is pinned to.")

    def get_algorithm(self, _: Any) -> str:
        """All are of one kind."""
        return "ed25519"

    def get_public_key(self, key: receipts.NodeKey) -> str:
        """The key itself."""
        return key.public_key.hex()


class NodeKeysAnswer(serializers.Serializer[Any]):
    """Every key ever pinned to a token of the node, oldest first."""

    keys = NodeKeyAnswer(many=True)


class ReceiptFilters(Filters):
    """What a node's receipts can be narrowed by."""

    tier = Word()
    since = Since("received_at")
    until = Until("received_at")


class JobReceipt(OrganizationView):
    """The receipt of a job."""

    needs = {"GET": Permission.VIEW}

    @describe("jobs_receipt", "The signed receipt of a job", answer=ReceiptAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it; it comes within seconds of the job's end."""
        job = jobs.find_job(organization=self.caller().organization, uid=uid)
        return Response(ReceiptAnswer(receipts.find_job_receipt(job=job)).data)


class AttemptReceipt(OrganizationView):
    """The receipt of an attempt."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("attempts_receipt", "The signed receipt of an attempt", answer=ReceiptAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read what your agent signed."""
        attempt = usage.find_attempt(organization=self.caller().organization, uid=uid)
        return Response(ReceiptAnswer(receipts.find_receipt(attempt=attempt)).data)


class NodeReceiptList(OrganizationView):
    """What a node's agents signed."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe(
        "nodes_receipts", "The receipts of a node", answer=ReceiptAnswer, paged=True, filters=ReceiptFilters
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """List them in the order in which they came, newest first; each names the one before it."""
        node = nodes.find_node(organization=self.caller().organization, uid=uid)
        rows = receipts.list_receipts(node=node)
        return self.show_page(rows, ReceiptAnswer, filters=ReceiptFilters, convert=receipts.join_keys)


class NodeKeyList(APIView):
    """The public keys of a node, for whoever holds a receipt of it."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @describe(
        "nodes_keys", "The public keys of a node", answer=NodeKeysAnswer, organization=False, refusals=(404,)
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Read them; nobody needs to be signed in."""
        return Response(NodeKeysAnswer({"keys": receipts.list_keys(node_uid=uid)}).data)

"""Receipts that agents signed, and the public keys that prove them, for those they concern."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from django.db.models import QuerySet

from core.errors import NotFound
from marketplace.models import Job
from workers.models import Attempt, Node, NodeToken, Receipt

KEY_ID_LENGTH = 16


class ReceiptMissing(NotFound):
    """The agent's receipt has not come yet, or never will."""

    code = "receipt_missing"
    message = "There is no receipt of this yet."


@dataclass(frozen=True, slots=True)
class Signed:
    """A receipt and the raw public key that it was signed with; None if no token of the node has that key."""

    receipt: Receipt
    public_key: bytes | None


@dataclass(frozen=True, slots=True)
class NodeKey:
    """A raw Ed25519 key that was pinned to a token of a node, and when that token was given."""

    key_id: str
    public_key: bytes
    given_at: datetime


def find_receipt(*, attempt: Attempt) -> Signed:
    """
    What the agent signed of an attempt.

    :raises ReceiptMissing: if it has not come
    """
    found = Receipt.objects.select_related("node").filter(attempt_uid=attempt.uid).first()
    if found is None:
        raise ReceiptMissing
    return join_keys([found])[0]


def find_job_receipt(*, job: Job) -> Signed:
    """
    What the agent signed of the attempt that a job was charged for.

    :raises ReceiptMissing: if nothing was charged, or it has not come
    """
    if job.billable_attempt_id is None:
        raise ReceiptMissing
    return find_receipt(attempt=Attempt.objects.get(pk=job.billable_attempt_id))


def list_receipts(*, node: Node) -> QuerySet[Receipt]:
    """Everything that a node's agents signed, as far as it has come."""
    return Receipt.objects.select_related("node").filter(node=node)


def join_keys(receipts: Sequence[Receipt]) -> list[Signed]:
    """Receipts with the keys they name."""
    nodes = {receipt.node_id for receipt in receipts}
    keys = {
        (token.node_id, key.key_id): key.public_key
        for token in _list_pinned().filter(node_id__in=nodes)
        for key in [_read_key(token)]
    }
    return [Signed(receipt, keys.get((receipt.node_id, receipt.key_id))) for receipt in receipts]


def list_keys(*, node_uid: UUID) -> list[NodeKey]:
    """
    Every key that was ever pinned to a token of the node, oldest first. Anybody may know them.

    :raises core.errors.NotFound: if there is no such node
    """
    if not Node.objects.filter(uid=node_uid).exists():
        raise NotFound
    return [_read_key(token) for token in _list_pinned().filter(node__uid=node_uid).order_by("pk")]


def _list_pinned() -> QuerySet[NodeToken]:
    return NodeToken.objects.select_related("agent_token").filter(agent_token__public_key__isnull=False)


def _read_key(token: NodeToken) -> NodeKey:
    key = bytes(token.agent_token.public_key or b"")
    return NodeKey(sha256(key).hexdigest()[:KEY_ID_LENGTH], key, token.given_at)

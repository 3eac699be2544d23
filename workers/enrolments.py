"""
Enrolment: an agent exchanges a one-time code and its own public key for a node's token.

A code is made by whoever may manage the node's site, lives fifteen minutes, and is stored as a digest. The
agent proves that it holds the private key by signing the code with it. A node that had an agent before keeps
the earlier token for a day, so that the running agent finishes what it does while the new one takes over.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import transaction

from accounts import agent_tokens, audit
from accounts.audit import Actor
from accounts.models import ED25519_KEY_BYTES, ActorKind
from core import ids
from core.errors import Invalid, Unauthenticated
from workers.models import Enrolment, Node, NodeToken
from workers.nodes import NodeRetired, announce_book

LIFE = timedelta(minutes=15)
EARLIER_TOKEN_LIFE = timedelta(hours=24)
# No letter that is taken for another one: the code may have to be typed.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
GROUPS, GROUP_LENGTH = 5, 5
PREFIX = "JPE"
DOMAIN_TAG = b"jouleport-enrolment-v1\n"


class CodeRefused(Unauthenticated):
    """Unknown, used, or too old; which of them is nobody's business."""

    code = "enrolment_refused"
    message = "This enrolment code is not valid (any more): make a new one for the node."


class KeyUnproven(Invalid):
    """The public key is none, or its private key did not sign the code."""

    code = "key_unproven"
    message = "The signature does not show that you hold the private key of this public key."


@dataclass(frozen=True, slots=True)
class OpenedEnrolment:
    """A new enrolment with its code, which exists nowhere else: show it once, never store or log it."""

    enrolment: Enrolment
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A node and the token that its agent now has; show it once, never store or log it."""

    node: Node
    token: str = field(repr=False)


def open_enrolment(*, node: Node, actor: Actor, now: datetime) -> OpenedEnrolment:
    """
    Make a code for a node; an earlier one that nobody used ends. The caller has checked that the actor may.

    :raises workers.nodes.NodeRetired: if the node is
    """
    code = _make_code()
    with transaction.atomic():
        if Node.objects.select_for_update().get(pk=node.pk).state == Node.State.RETIRED:
            raise NodeRetired
        Enrolment.objects.filter(node=node, used_at=None, expires_at__gt=now).update(expires_at=now)
        enrolment = Enrolment.objects.create(
            uid=ids.make_uid(),
            organization_id=node.organization_id,
            node=node,
            digest=_digest(code),
            created_at=now,
            expires_at=now + LIFE,
        )
        _record(node, enrolment, "enrolment.open", actor=actor, now=now)
    return OpenedEnrolment(enrolment, code)


def enrol_agent(*, code: str, public_key: bytes, signature: bytes, now: datetime) -> Enrolled:
    """
    Exchange a code for a token to which the key is pinned from the start.

    :raises KeyUnproven: if the key is none, or did not sign the code
    :raises CodeRefused: if the code is unknown, used or too old, or its node is retired
    """
    normal = normalize_code(code)
    check_possession(code=normal, public_key=public_key, signature=signature)
    with transaction.atomic():
        # Whoever comes second waits here, and finds the code used.
        rows = Enrolment.objects.select_for_update().filter(digest=_digest(normal))
        enrolment = rows.filter(used_at=None, expires_at__gt=now).first()
        if enrolment is None:
            raise CodeRefused
        node = Node.objects.select_for_update().get(pk=enrolment.node_id)
        if node.state == Node.State.RETIRED:
            raise CodeRefused
        actor = Actor(ActorKind.AGENT, enrolment.uid)
        issued = agent_tokens.issue_agent_token(
            organization=node.organization, name=node.name, actor=actor, now=now
        )
        agent_tokens.pin_public_key(agent_token=issued.agent_token, public_key=public_key, now=now)
        enrolment.used_at, enrolment.agent_token = now, issued.agent_token
        enrolment.save(update_fields=["used_at", "agent_token"])
        _replace_token(node, issued.agent_token.pk, actor=actor, now=now)
        _record(node, enrolment, "enrolment.use", actor=actor, now=now)
    return Enrolled(Node.objects.select_related("organization", "site").get(pk=node.pk), issued.text)


def _replace_token(node: Node, token_id: int, *, actor: Actor, now: datetime) -> None:
    """Give the node its new token. One that no agent ever used ends at once, one in use a day from now."""
    earlier = node.agent_token
    Node.objects.filter(pk=node.pk).update(agent_token_id=token_id)
    if earlier.revoked_at is None and earlier.public_key is None:
        agent_tokens.revoke_agent_token(agent_token=earlier, actor=actor, now=now)
    NodeToken.objects.filter(node=node, ends_at=None).exclude(agent_token_id=token_id).update(
        ends_at=now + EARLIER_TOKEN_LIFE
    )
    announce_book()


def check_possession(*, code: str, public_key: bytes, signature: bytes) -> None:
    """:raises KeyUnproven: if the key is none, or its private key did not sign the code"""
    if len(public_key) != ED25519_KEY_BYTES:
        raise KeyUnproven
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, DOMAIN_TAG + code.encode())
    except (InvalidSignature, ValueError):
        raise KeyUnproven from None


def normalize_code(code: str) -> str:
    """Give the code as it was made, however it was typed."""
    return code.strip().upper().replace(" ", "-")


def _make_code() -> str:
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    return "-".join((PREFIX, *groups))


def _digest(code: str) -> bytes:
    # Plain, because 125 random bits need no slow hash.
    return hashlib.sha256(code.encode(errors="replace")).digest()


def _record(node: Node, enrolment: Enrolment, action: str, *, actor: Actor, now: datetime) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="enrolment",
        subject_uid=enrolment.uid,
        organization=node.organization,
        now=now,
        details={"node": str(node.uid), "name": node.name},
    )

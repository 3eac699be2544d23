"""Nodes: computers of a provider that run jobs, each with one agent's token of its own."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import QuerySet

from accounts import access, agent_tokens, audit
from accounts.audit import Actor
from accounts.models import AgentToken, Organization
from core.errors import DomainError, Invalid, NotFound
from core.money import TEST_CURRENCY
from marketplace.models import Site
from workers.models import Node, NodeToken

BOOK_CHANNEL = "jouleport_book"


class NodeInvalid(Invalid):
    """One of the node's figures is out of range."""

    code = "invalid_node"
    message = "A node has at least one chip, and draws no less when busy than when idle."


class NodeExists(DomainError):
    """The organization has a node of this name."""

    code = "node_exists"


class NodeRetired(DomainError):
    """A retired node stays retired."""

    code = "node_retired"
    message = "This node is retired; register it as a new one."


@dataclass(frozen=True, slots=True)
class Machine:
    """What a provider declares of a node. Watts are those of the whole node; an agent may measure better."""

    name: str
    chips: int
    watts_idle: Decimal
    watts_busy: Decimal
    chip_slug: str = ""


@dataclass(frozen=True, slots=True)
class RegisteredNode:
    """A new node with its agent's token, which exists nowhere else: show it once, never store or log it."""

    node: Node
    token: str = field(repr=False)


def create_node(
    *, organization: Organization, site: Site, machine: Machine, actor: Actor, now: datetime
) -> RegisteredNode:
    """
    Register a node at a site and issue its agent's token. At a site that sells for test money, it is one of
    those that serve test keys and nobody else.

    :raises core.errors.NotFound: if the site is another organization's
    :raises NodeExists: if the name is taken
    :raises NodeInvalid: if a figure is out of range
    """
    if site.organization_id != organization.pk:
        raise NotFound
    try:
        with transaction.atomic():
            issued = agent_tokens.issue_agent_token(
                organization=organization, name=machine.name, actor=actor, now=now
            )
            node = Node.objects.create(
                organization=organization,
                site=site,
                agent_token=issued.agent_token,
                name=machine.name,
                chips=machine.chips,
                chip_slug=machine.chip_slug,
                declared_watts_idle=machine.watts_idle,
                declared_watts_busy=machine.watts_busy,
                simulated=site.currency == TEST_CURRENCY,
            )
            details = {"name": machine.name, "site": str(site.uid), "chips": machine.chips}
            _record(node, action="node.create", actor=actor, now=now, details=details)
    except (IntegrityError, DataError) as error:
        if Node.objects.filter(organization=organization, name=machine.name).exists():
            raise NodeExists(f"There is a node {machine.name} already.") from error
        raise NodeInvalid from error
    return RegisteredNode(node, issued.text)


def retire_node(*, node: Node, actor: Actor, now: datetime) -> None:
    """
    Take a node out for good: its tokens end everywhere at once, and its offers are found no more.

    :raises NodeRetired: if it was retired before
    """
    with transaction.atomic():
        mine = Node.objects.filter(pk=node.pk).exclude(state=Node.State.RETIRED)
        if mine.update(state=Node.State.RETIRED) == 0:
            raise NodeRetired
        for given in NodeToken.objects.select_related("agent_token__organization").filter(node=node):
            if given.agent_token.revoked_at is None:
                agent_tokens.revoke_agent_token(agent_token=given.agent_token, actor=actor, now=now)
        _record(node, action="node.retire", actor=actor, now=now, details={"name": node.name})
        announce_book()
    node.state = Node.State.RETIRED


def drain_node(*, node: Node, actor: Actor, now: datetime) -> None:
    """
    Send a node no more jobs; what runs goes on, and its agent stays connected. A draining one stays so.

    :raises NodeRetired: if it is retired
    """
    _change_state(node, to=Node.State.DRAINING, action="node.drain", actor=actor, now=now)


def resume_node(*, node: Node, actor: Actor, now: datetime) -> None:
    """
    Send a drained node jobs again.

    :raises NodeRetired: if it is retired
    """
    _change_state(node, to=Node.State.ACTIVE, action="node.resume", actor=actor, now=now)


def find_node(*, organization: Organization, uid: UUID | str) -> Node:
    """
    The organization's node with this uid.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    return access.find_owned(_with_places(), organization=organization, uid=uid)


def find_agents_node(*, token: AgentToken, now: datetime) -> Node:
    """
    The node that an agent with this token stands for.

    :raises core.errors.NotFound: if the token is no node's, or was replaced and has ended
    """
    given = NodeToken.objects.filter(agent_token=token).exclude(ends_at__lte=now).first()
    if given is None:
        raise NotFound
    return _with_places().get(pk=given.node_id)


def list_nodes(*, organization: Organization) -> QuerySet[Node]:
    """The organization's nodes with their sites and tokens, oldest first."""
    return _with_places().filter(organization=organization).order_by("id")


def announce_book() -> None:
    """Tell whoever keeps a copy of the book that it changed; sent when the transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [BOOK_CHANNEL])


def _change_state(node: Node, *, to: Node.State, action: str, actor: Actor, now: datetime) -> None:
    with transaction.atomic():
        # A guarded update: of a retirement and a return at once, the retirement wins in either order.
        if Node.objects.filter(pk=node.pk).exclude(state=Node.State.RETIRED).update(state=to) == 0:
            raise NodeRetired
        _record(node, action=action, actor=actor, now=now, details={"name": node.name})
        announce_book()
    node.state = to


def _with_places() -> QuerySet[Node]:
    return Node.objects.select_related("site", "agent_token", "organization")


def _record(node: Node, *, action: str, actor: Actor, now: datetime, details: dict[str, Any]) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="node",
        subject_uid=node.uid,
        organization=node.organization,
        now=now,
        details=details,
    )

"""Endpoints: which node serves an offer, and under which name its model server knows the model."""

from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from core.errors import DomainError, Invalid, NotFound
from marketplace.models import Offer
from workers import nodes
from workers.models import Endpoint, Node

MODEL_NAME_LENGTH_MAX = 200


class OtherSite(DomainError):
    """A card is priced with its site's electricity, so the node that serves the offer stands there."""

    code = "node_at_other_site"
    message = "The node stands at another site than the offer."


class NoModelName(Invalid):
    """The model server must be told which model is meant."""

    code = "invalid_upstream_model"


def bind_endpoint(*, offer: Offer, node: Node, upstream_model: str, actor: Actor, now: datetime) -> Endpoint:
    """
    Have an offer served by a node; one that was served by another moves. What runs goes on where it is.

    :param upstream_model: the name under which the node's model server knows the model
    :raises core.errors.NotFound: if the node is another organization's
    :raises OtherSite: if it stands at another site
    :raises workers.nodes.NodeRetired: if it is retired
    :raises NoModelName: if the name is empty or too long
    """
    if node.organization_id != offer.organization_id:
        raise NotFound
    if node.site_id != offer.site_id:
        raise OtherSite
    if node.state == Node.State.RETIRED:
        raise nodes.NodeRetired
    if not 0 < len(upstream_model) <= MODEL_NAME_LENGTH_MAX:
        raise NoModelName(f"The upstream model's name has 1 to {MODEL_NAME_LENGTH_MAX} characters.")
    with transaction.atomic():
        endpoint, _ = Endpoint.objects.update_or_create(
            offer=offer, defaults={"node": node, "upstream_model": upstream_model}
        )
        audit.record_event(
            actor=actor,
            action="offer.bind",
            subject_kind="offer",
            subject_uid=offer.uid,
            organization=offer.organization,
            now=now,
            details={"node": str(node.uid), "upstream_model": upstream_model},
        )
        nodes.announce_book()
    return endpoint

"""Nodes, and how offers reach them."""

from dataclasses import replace
from decimal import Decimal

import psycopg
import pytest

from accounts import agent_tokens, audit
from accounts.agent_tokens import AgentTokenRefused
from accounts.audit import Actor
from accounts.models import AuditEvent, Organization
from core.errors import NotFound
from marketplace import sites
from tests.cast import NOW
from tests.databases import Database
from tests.market import DAM, RACK, Stand
from workers import endpoints, jobs, nodes
from workers.models import Node

ACTOR: Actor = audit.SYSTEM


def listed(stand: Stand) -> list[str]:
    return [listing.node_uid for listing in jobs.load_book().list_listings("small")]


def test_creates_a_node_with_a_token_of_its_own(stand: Stand) -> None:
    found = agent_tokens.find_agent_token(text=stand.token)

    assert found.pk == stand.node.agent_token_id
    assert AuditEvent.objects.filter(action="node.create", subject_uid=stand.node.uid).exists()
    assert stand.token not in str(list(AuditEvent.objects.values_list("details", flat=True)))


@pytest.mark.parametrize(
    "machine",
    [
        replace(RACK, name="other", chips=0),
        replace(RACK, name="other", watts_idle=Decimal(300)),
        replace(RACK, name="other", watts_busy=Decimal(10) ** 9),
        replace(RACK, name="n" * 200),
    ],
)
def test_refuses_figures_that_cannot_be(farm: Organization, stand: Stand, machine: nodes.Machine) -> None:
    with pytest.raises(nodes.NodeInvalid):
        nodes.create_node(organization=farm, site=stand.site, machine=machine, actor=ACTOR, now=NOW)
    assert Node.objects.count() == 1


def test_refuses_a_second_node_of_the_same_name(farm: Organization, stand: Stand) -> None:
    with pytest.raises(nodes.NodeExists):
        nodes.create_node(organization=farm, site=stand.site, machine=RACK, actor=ACTOR, now=NOW)


def test_refuses_a_strangers_site(stranger: Organization, stand: Stand) -> None:
    with pytest.raises(NotFound):
        nodes.create_node(organization=stranger, site=stand.site, machine=RACK, actor=ACTOR, now=NOW)


def test_retires_a_node_with_its_token_and_its_offers(db: Database, stand: Stand) -> None:
    assert listed(stand) == [str(stand.node.uid)]
    with psycopg.connect(db.dsn, autocommit=True) as listener:
        listener.execute("LISTEN jouleport_book")

        nodes.retire_node(node=stand.node, actor=ACTOR, now=NOW)

        assert [notice.channel for notice in listener.notifies(timeout=2, stop_after=1)] == ["jouleport_book"]
    assert not listed(stand)
    with pytest.raises(AgentTokenRefused):
        agent_tokens.find_agent_token(text=stand.token)
    with pytest.raises(nodes.NodeRetired):
        nodes.retire_node(node=stand.node, actor=ACTOR, now=NOW)


def test_moves_an_offer_to_another_node(farm: Organization, stand: Stand) -> None:
    other = nodes.create_node(
        organization=farm, site=stand.site, machine=replace(RACK, name="spare"), actor=ACTOR, now=NOW
    ).node

    endpoints.bind_endpoint(offer=stand.offer, node=other, upstream_model="gguf", actor=ACTOR, now=NOW)

    assert listed(stand) == [str(other.uid)]


def test_refuses_a_node_at_another_site(farm: Organization, stand: Stand) -> None:
    hill = sites.create_site(organization=farm, described=replace(DAM, name="Hill"), actor=ACTOR, now=NOW)
    machine = replace(RACK, name="hill")
    far = nodes.create_node(organization=farm, site=hill, machine=machine, actor=ACTOR, now=NOW).node

    with pytest.raises(endpoints.OtherSite):
        endpoints.bind_endpoint(offer=stand.offer, node=far, upstream_model="m", actor=ACTOR, now=NOW)


def test_refuses_a_retired_node_and_a_nameless_model(stand: Stand) -> None:
    with pytest.raises(endpoints.NoModelName):
        endpoints.bind_endpoint(offer=stand.offer, node=stand.node, upstream_model="", actor=ACTOR, now=NOW)
    nodes.retire_node(node=stand.node, actor=ACTOR, now=NOW)
    with pytest.raises(nodes.NodeRetired):
        endpoints.bind_endpoint(offer=stand.offer, node=stand.node, upstream_model="m", actor=ACTOR, now=NOW)

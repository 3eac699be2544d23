"""Enrolment codes: short-lived, used once however many come, and bound to the key that signed them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection

from accounts import agent_tokens, audit
from accounts.agent_tokens import AgentTokenRefused
from accounts.models import AuditEvent
from core.errors import NotFound
from tests.databases import Database
from tests.market import Stand
from workers import enrolments, nodes
from workers.enrolments import CodeRefused, Enrolled, KeyUnproven, OpenedEnrolment
from workers.models import Enrolment, Node, NodeToken

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()

INSERT = """
    INSERT INTO enrolment (uid, organization_id, node_id, digest, created_at, expires_at, used_at)
    SELECT gen_random_uuid(), organization_id, node_id, sha256('x'), now(),
"""


@pytest.fixture
def opened(stand: Stand, now: datetime) -> OpenedEnrolment:
    """A code for the stand's node."""
    return enrolments.open_enrolment(node=stand.node, actor=audit.SYSTEM, now=now)


@pytest.fixture
def now() -> datetime:
    """The database's own time."""
    return datetime.now(UTC)


def sign(code: str, key: Ed25519PrivateKey = KEY) -> bytes:
    return key.sign(enrolments.DOMAIN_TAG + code.encode())


def enrol(code: str, *, now: datetime, key: Ed25519PrivateKey = KEY) -> Enrolled:
    return enrolments.enrol_agent(
        code=code,
        public_key=key.public_key().public_bytes_raw(),
        signature=sign(enrolments.normalize_code(code), key),
        now=now,
    )


def test_a_code_becomes_a_token_with_the_key_pinned(
    stand: Stand, opened: OpenedEnrolment, now: datetime
) -> None:
    enrolled = enrol(opened.code, now=now)

    token = agent_tokens.find_agent_token(text=enrolled.token)
    assert bytes(token.public_key or b"") == PUBLIC
    assert nodes.find_agents_node(token=token, now=now) == stand.node
    assert Node.objects.get(pk=stand.node.pk).agent_token_id == token.pk
    # The token that came with the node was never used, and is of no use any more.
    with pytest.raises(AgentTokenRefused):
        agent_tokens.find_agent_token(text=stand.token)
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"enrolment.open", "enrolment.use", "agent_token.issue", "agent_token.pin"} <= actions
    told = str(list(AuditEvent.objects.values_list("details", flat=True)))
    assert opened.code not in told
    assert enrolled.token not in told


def test_it_may_be_typed(opened: OpenedEnrolment, now: datetime) -> None:
    assert enrol(f" {opened.code.lower().replace('-', ' ')} ", now=now).token


def test_only_the_digest_is_stored(db: Database, opened: OpenedEnrolment) -> None:
    with db.connect() as sql:
        (row,) = sql.execute("SELECT t::text FROM enrolment t").fetchone() or ("",)

    assert opened.code not in row
    assert opened.code.encode().hex() not in row


def test_it_is_used_once(opened: OpenedEnrolment, now: datetime) -> None:
    enrol(opened.code, now=now)

    with pytest.raises(CodeRefused):
        enrol(opened.code, now=now)


def test_it_lives_fifteen_minutes(opened: OpenedEnrolment, now: datetime) -> None:
    with pytest.raises(CodeRefused):
        enrol(opened.code, now=now + timedelta(minutes=15))

    assert enrol(opened.code, now=now + timedelta(minutes=14, seconds=59)).token


def test_a_newer_code_ends_the_one_before(stand: Stand, opened: OpenedEnrolment, now: datetime) -> None:
    newer = enrolments.open_enrolment(node=stand.node, actor=audit.SYSTEM, now=now + timedelta(seconds=1))

    with pytest.raises(CodeRefused):
        enrol(opened.code, now=now + timedelta(seconds=1))
    assert enrol(newer.code, now=now + timedelta(seconds=1)).token


@pytest.mark.parametrize("signature", [sign("JPE-OTHER"), b"s" * 64], ids=["another code", "noise"])
def test_whoever_does_not_hold_the_key_gets_nothing(
    opened: OpenedEnrolment, now: datetime, signature: bytes
) -> None:
    with pytest.raises(KeyUnproven):
        enrolments.enrol_agent(code=opened.code, public_key=PUBLIC, signature=signature, now=now)
    assert Enrolment.objects.get().used_at is None


def test_a_retired_node_enrols_nobody(stand: Stand, opened: OpenedEnrolment, now: datetime) -> None:
    nodes.retire_node(node=stand.node, actor=audit.SYSTEM, now=now)

    with pytest.raises(CodeRefused):
        enrol(opened.code, now=now)
    with pytest.raises(nodes.NodeRetired):
        enrolments.open_enrolment(node=stand.node, actor=audit.SYSTEM, now=now)


def test_an_earlier_token_in_use_ends_a_day_later(
    stand: Stand, opened: OpenedEnrolment, now: datetime
) -> None:
    first = agent_tokens.find_agent_token(text=enrol(opened.code, now=now).token)
    again = enrolments.open_enrolment(node=stand.node, actor=audit.SYSTEM, now=now)
    other = Ed25519PrivateKey.generate()

    second = agent_tokens.find_agent_token(text=enrol(again.code, now=now, key=other).token)

    later = now + timedelta(hours=23)
    assert nodes.find_agents_node(token=first, now=later) == stand.node
    assert nodes.find_agents_node(token=second, now=later) == stand.node
    with pytest.raises(NotFound):
        nodes.find_agents_node(token=first, now=now + timedelta(hours=24))
    # Retiring the node ends both at once.
    nodes.retire_node(node=Node.objects.get(pk=stand.node.pk), actor=audit.SYSTEM, now=now)
    for given in NodeToken.objects.select_related("agent_token").filter(node=stand.node):
        assert given.agent_token.revoked_at is not None


@pytest.mark.race
def test_of_many_at_once_one_gets_a_token(stand: Stand, opened: OpenedEnrolment, now: datetime) -> None:
    results: list[object] = []
    gate = threading.Barrier(6)

    def try_it() -> None:
        gate.wait()
        try:
            results.append(enrol(opened.code, now=now, key=Ed25519PrivateKey.generate()))
        except CodeRefused as refusal:
            results.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=try_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(results) == 6
    assert sum(isinstance(each, Enrolled) for each in results) == 1
    # One token was issued, not one for each who came.
    assert NodeToken.objects.filter(node=stand.node).count() == 2


@pytest.mark.sql
@pytest.mark.parametrize(
    ("harm", "rule"),
    [
        ("UPDATE enrolment SET used_at = NULL, agent_token_id = NULL", "used once"),
        ("UPDATE enrolment SET expires_at = now() + interval '5 min'", "used once"),
        ("UPDATE enrolment SET digest = sha256('other')", "permission denied"),
        ("DELETE FROM enrolment", "permission denied"),
        ("UPDATE node_token SET node_id = node_id + 1", "permission denied"),
        ("DELETE FROM node_token", "permission denied"),
        (f"{INSERT} now() + interval '2 h', NULL FROM enrolment", "enrolment_is_short"),
        (f"{INSERT} now() + interval '9 min', now() FROM enrolment", "enrolment_used_for_a_token"),
    ],
)
def test_the_database_keeps_a_used_code_used(
    db: Database, opened: OpenedEnrolment, now: datetime, harm: str, rule: str
) -> None:
    enrol(opened.code, now=now)

    with pytest.raises(psycopg.Error, match=rule), db.connect() as sql:
        sql.execute(harm)

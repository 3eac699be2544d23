"""Agents' tokens are pinned to the first public key that uses them."""

import threading
from datetime import datetime

import psycopg
import pytest
from django.db import IntegrityError, connection

from accounts import agent_tokens, tokens
from accounts.agent_tokens import IssuedAgentToken
from accounts.audit import SYSTEM
from accounts.keys import IssuedKey
from accounts.models import AgentToken, AuditEvent, Organization
from accounts.revocations import CHANNEL
from tests.databases import Database

FIRST, OTHER = b"\x01" * 32, b"\x02" * 32


@pytest.fixture
def rack(lab: Organization, now: datetime) -> IssuedAgentToken:
    """A token of the lab for one agent."""
    return agent_tokens.issue_agent_token(organization=lab, name="rack 1", actor=SYSTEM, now=now)


def test_a_token_is_issued_and_found_by_its_text(rack: IssuedAgentToken, lab: Organization) -> None:
    found = agent_tokens.find_agent_token(text=rack.text)

    assert (found, found.organization, found.public_key) == (rack.agent_token, lab, None)
    assert rack.text.startswith("jp_node_")
    assert bytes(found.digest) == tokens.digest_token(rack.text)


def test_a_buyers_key_is_no_agent_token(lab_key: IssuedKey) -> None:
    with pytest.raises(agent_tokens.AgentTokenRefused):
        agent_tokens.find_agent_token(text=lab_key.text)


def test_an_unknown_token_is_refused(rack: IssuedAgentToken) -> None:
    with pytest.raises(agent_tokens.AgentTokenRefused):
        agent_tokens.find_agent_token(text=tokens.make_token(tokens.TokenKind.NODE).text)


def test_a_malformed_token_is_refused(rack: IssuedAgentToken) -> None:
    with pytest.raises(tokens.MalformedToken):
        agent_tokens.find_agent_token(text=rack.text[:-1])


def test_a_revoked_token_is_refused_and_everybody_hears_of_it(
    rack: IssuedAgentToken, now: datetime, db: Database
) -> None:
    with db.connect() as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        agent_tokens.revoke_agent_token(agent_token=rack.agent_token, actor=SYSTEM, now=now)

        assert [n.payload for n in listener.notifies(timeout=0.3)] == [tokens.digest_token(rack.text).hex()]
    with pytest.raises(agent_tokens.AgentTokenRefused):
        agent_tokens.find_agent_token(text=rack.text)


def test_a_token_is_revoked_once(rack: IssuedAgentToken, now: datetime) -> None:
    agent_tokens.revoke_agent_token(agent_token=rack.agent_token, actor=SYSTEM, now=now)

    with pytest.raises(agent_tokens.AgentTokenRevoked):
        agent_tokens.revoke_agent_token(agent_token=rack.agent_token, actor=SYSTEM, now=now)


def test_the_first_public_key_is_pinned_and_recorded(rack: IssuedAgentToken, now: datetime) -> None:
    agent_tokens.pin_public_key(agent_token=rack.agent_token, public_key=FIRST, now=now)

    assert bytes(AgentToken.objects.get(pk=rack.agent_token.pk).public_key or b"") == FIRST
    assert AuditEvent.objects.get(action="agent_token.pin").details["public_key"] == FIRST.hex()


def test_the_same_public_key_is_welcome_again(rack: IssuedAgentToken, now: datetime) -> None:
    for _ in range(2):
        agent_tokens.pin_public_key(agent_token=rack.agent_token, public_key=FIRST, now=now)

    assert AuditEvent.objects.filter(action="agent_token.pin").count() == 1


def test_another_public_key_is_refused(rack: IssuedAgentToken, now: datetime) -> None:
    agent_tokens.pin_public_key(agent_token=rack.agent_token, public_key=FIRST, now=now)

    with pytest.raises(agent_tokens.OtherKeyPinned):
        agent_tokens.pin_public_key(agent_token=rack.agent_token, public_key=OTHER, now=now)

    assert bytes(AgentToken.objects.get(pk=rack.agent_token.pk).public_key or b"") == FIRST


@pytest.mark.parametrize("public_key", [b"", b"x" * 31, b"x" * 33])
def test_what_is_no_public_key_is_refused(rack: IssuedAgentToken, now: datetime, public_key: bytes) -> None:
    with pytest.raises(agent_tokens.NotAPublicKey):
        agent_tokens.pin_public_key(agent_token=rack.agent_token, public_key=public_key, now=now)


@pytest.mark.race
def test_of_two_agents_with_one_token_one_is_pinned(rack: IssuedAgentToken, now: datetime) -> None:
    together = threading.Barrier(4)
    pinned: list[bytes] = []

    def pin(public_key: bytes) -> None:
        try:
            mine = AgentToken.objects.get(pk=rack.agent_token.pk)
            together.wait(5)
            agent_tokens.pin_public_key(agent_token=mine, public_key=public_key, now=now)
            pinned.append(public_key)
        except agent_tokens.OtherKeyPinned:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=pin, args=[bytes([n]) * 32]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [bytes(AgentToken.objects.get(pk=rack.agent_token.pk).public_key or b"")] == pinned


@pytest.mark.sql
@pytest.mark.parametrize("public_key", [OTHER, None])
def test_the_database_never_replaces_a_pinned_key(
    rack: IssuedAgentToken, now: datetime, public_key: bytes | None
) -> None:
    agent_tokens.pin_public_key(agent_token=rack.agent_token, public_key=FIRST, now=now)

    with pytest.raises(IntegrityError, match="pinned"):
        AgentToken.objects.filter(pk=rack.agent_token.pk).update(public_key=public_key)


@pytest.mark.sql
def test_the_database_never_brings_a_token_back(rack: IssuedAgentToken, now: datetime) -> None:
    agent_tokens.revoke_agent_token(agent_token=rack.agent_token, actor=SYSTEM, now=now)

    with pytest.raises(IntegrityError, match="stays revoked"):
        AgentToken.objects.update(revoked_at=None)


@pytest.mark.sql
def test_the_database_refuses_a_public_key_of_another_length(rack: IssuedAgentToken, db: Database) -> None:
    with db.connect() as other, pytest.raises(psycopg.errors.CheckViolation):
        other.execute("UPDATE accounts_agenttoken SET public_key = 'short'")

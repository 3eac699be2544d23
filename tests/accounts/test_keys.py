"""Keys are shown once, kept as digests, and end at once everywhere."""

import hashlib
import logging
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import agent_tokens, keys, tokens
from accounts.audit import SYSTEM, Actor
from accounts.keys import IssuedKey
from accounts.models import ApiKey, AuditEvent, KeyMode, Organization, User
from accounts.revocations import CHANNEL
from tests.databases import Database


def notices(listener: psycopg.Connection[Any]) -> list[str]:
    return [notice.payload for notice in listener.notifies(timeout=0.3)]


@pytest.mark.parametrize(("mode", "prefix"), [(KeyMode.LIVE, "jp_live_"), (KeyMode.TEST, "jp_test_")])
def test_a_key_is_issued_and_found_by_its_text(
    lab: Organization, now: datetime, mode: KeyMode, prefix: str
) -> None:
    issued = keys.issue_key(organization=lab, name="laptop", actor=SYSTEM, mode=mode, now=now)

    found = keys.find_key(text=issued.text, now=now)

    assert issued.text.startswith(prefix)
    assert (found, found.organization, found.last4) == (issued.key, lab, issued.text[-4:])


def test_only_the_digest_of_a_key_is_stored(lab_key: IssuedKey) -> None:
    stored = ApiKey.objects.get(pk=lab_key.key.pk)

    assert bytes(stored.digest) == hashlib.sha256(lab_key.text.encode()).digest()


def test_a_key_names_the_person_who_made_it(lab: Organization, owner: User, now: datetime) -> None:
    issued = keys.issue_key(organization=lab, name="laptop", actor=Actor.from_user(owner), now=now)

    assert issued.key.created_by == owner


def test_no_full_token_is_in_the_database_the_audit_trail_the_logs_or_a_representation(
    lab: Organization,
    now: datetime,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    db: Database,
) -> None:
    with caplog.at_level(logging.DEBUG):
        key = keys.issue_key(organization=lab, name="laptop", actor=SYSTEM, now=now)
        agent = agent_tokens.issue_agent_token(organization=lab, name="rack 1", actor=SYSTEM, now=now)
        keys.find_key(text=key.text, now=now)
        keys.revoke_key(key=key.key, actor=SYSTEM, now=now)

    shown = "".join([caplog.text, *capsys.readouterr(), repr(key), repr(agent), repr(key.key), str(key.key)])
    with psycopg.connect(db.superuser_dsn) as reader:
        tables = reader.execute(
            "SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        for (table,) in tables:
            shown += str(reader.execute(f"SELECT to_jsonb(t)::text FROM {table} AS t").fetchall())
    for text in (key.text, agent.text):
        assert text not in shown
        assert text[8:38] not in shown
        assert text.encode().hex() not in shown
    assert key.key.last4 in shown


def test_issuing_is_recorded_without_the_key(lab_key: IssuedKey, lab: Organization) -> None:
    event = AuditEvent.objects.get(action="key.issue")

    assert (event.subject_uid, event.organization) == (lab_key.key.uid, lab)
    assert event.details == {"name": "laptop", "mode": "LIVE", "last4": lab_key.text[-4:]}


def test_a_revoked_key_is_refused(lab_key: IssuedKey, now: datetime) -> None:
    keys.revoke_key(key=lab_key.key, actor=SYSTEM, now=now)

    with pytest.raises(keys.KeyRefused) as refusal:
        keys.find_key(text=lab_key.text, now=now)
    assert refusal.value.status == 401


def test_a_revocation_is_heard_at_once_by_every_listener(
    lab_key: IssuedKey, now: datetime, db: Database
) -> None:
    with db.connect() as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        keys.revoke_key(key=lab_key.key, actor=SYSTEM, now=now)

        assert notices(listener) == [hashlib.sha256(lab_key.text.encode()).hexdigest()]


def test_a_revocation_that_is_rolled_back_is_not_heard(
    lab_key: IssuedKey, now: datetime, db: Database
) -> None:
    with db.connect() as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        with transaction.atomic():
            keys.revoke_key(key=lab_key.key, actor=SYSTEM, now=now)
            transaction.set_rollback(True)

        assert notices(listener) == []
    assert keys.find_key(text=lab_key.text, now=now) == lab_key.key
    assert not AuditEvent.objects.filter(action="key.revoke").exists()


def test_a_key_is_revoked_once(lab_key: IssuedKey, now: datetime) -> None:
    keys.revoke_key(key=lab_key.key, actor=SYSTEM, now=now)

    with pytest.raises(keys.KeyRevoked):
        keys.revoke_key(key=lab_key.key, actor=SYSTEM, now=now + timedelta(days=1))

    assert ApiKey.objects.get(pk=lab_key.key.pk).revoked_at == now
    assert AuditEvent.objects.filter(action="key.revoke").count() == 1


def test_a_key_ends_at_the_moment_it_expires(lab: Organization, now: datetime) -> None:
    end = now + timedelta(hours=1)
    issued = keys.issue_key(organization=lab, name="guest", actor=SYSTEM, expires_at=end, now=now)

    assert keys.find_key(text=issued.text, now=end - timedelta(microseconds=1)) == issued.key
    with pytest.raises(keys.KeyRefused):
        keys.find_key(text=issued.text, now=end)


def test_a_key_that_would_be_dead_at_birth_is_refused(lab: Organization, now: datetime) -> None:
    with pytest.raises(keys.ExpiryInThePast):
        keys.issue_key(organization=lab, name="guest", actor=SYSTEM, expires_at=now, now=now)


def test_an_unknown_key_is_refused(lab_key: IssuedKey, now: datetime) -> None:
    unknown = tokens.make_token(tokens.TokenKind.LIVE)

    with pytest.raises(keys.KeyRefused):
        keys.find_key(text=unknown.text, now=now)


def test_an_agents_token_is_no_key(lab: Organization, now: datetime) -> None:
    agent = agent_tokens.issue_agent_token(organization=lab, name="rack 1", actor=SYSTEM, now=now)

    with pytest.raises(keys.KeyRefused):
        keys.find_key(text=agent.text, now=now)


def test_a_malformed_key_is_refused_before_the_database_is_asked(lab_key: IssuedKey, now: datetime) -> None:
    mistyped = lab_key.text[:20] + ("a" if lab_key.text[20] != "a" else "b") + lab_key.text[21:]

    with CaptureQueriesContext(connection) as queries, pytest.raises(tokens.MalformedToken):
        keys.find_key(text=mistyped, now=now)

    assert len(queries) == 0


@pytest.mark.sql
@pytest.mark.parametrize(
    "change",
    [
        {"digest": b"x" * 32},
        {"revoked_at": None},
        {"organization_id": -1},
        {"uid": "01a20439-278d-76ec-8f9b-ce8cdf881393"},
    ],
)
def test_the_database_keeps_a_revoked_key_as_it_is(
    lab_key: IssuedKey, now: datetime, change: dict[str, Any]
) -> None:
    keys.revoke_key(key=lab_key.key, actor=SYSTEM, now=now)

    with pytest.raises(IntegrityError, match=r"credential|revoked"):
        ApiKey.objects.filter(pk=lab_key.key.pk).update(**change)


@pytest.mark.sql
@pytest.mark.parametrize("change", [{"digest": b"short"}, {"mode": "GOLD"}])
def test_the_database_refuses_a_key_of_another_form(lab: Organization, change: dict[str, Any]) -> None:
    fields = {"organization": lab, "name": "x", "mode": "LIVE", "digest": b"x" * 32, "last4": "xxxx"}

    with pytest.raises(IntegrityError):
        ApiKey.objects.create(**{**fields, **change})


@pytest.mark.sql
def test_the_database_refuses_two_keys_with_one_digest(lab: Organization, lab_key: IssuedKey) -> None:
    with pytest.raises(IntegrityError):
        ApiKey.objects.create(
            organization=lab, name="x", mode="LIVE", digest=lab_key.key.digest, last4="xxxx"
        )


@pytest.mark.sql
@pytest.mark.parametrize("table", ["accounts_apikey", "accounts_agenttoken"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_application_cannot_delete_credentials(
    db: Database, lab_key: IssuedKey, table: str, statement: str
) -> None:
    with db.connect() as other, pytest.raises(psycopg.errors.InsufficientPrivilege):
        other.execute(statement.format(table))
    with pytest.raises(DatabaseError):
        ApiKey.objects.all().delete()

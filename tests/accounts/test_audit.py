"""The audit trail is written with the deed and never changed."""

from datetime import datetime

import psycopg
import pytest
import structlog
from django.db import IntegrityError, transaction

from accounts import audit
from accounts.models import AgentToken, ApiKey, AuditEvent, Organization, User
from core import ids
from tests.databases import Database


def record(now: datetime) -> AuditEvent:
    with transaction.atomic():
        return audit.record_event(
            actor=audit.SYSTEM,
            action="thing.change",
            subject_kind="thing",
            subject_uid=None,
            organization=None,
            now=now,
        )


def test_an_event_outside_of_a_transaction_is_refused(db: Database, now: datetime) -> None:
    with pytest.raises(audit.OutsideTransaction):
        audit.record_event(
            actor=audit.SYSTEM,
            action="thing.change",
            subject_kind="thing",
            subject_uid=None,
            organization=None,
            now=now,
        )


def test_an_event_vanishes_with_a_deed_that_is_rolled_back(db: Database, now: datetime) -> None:
    with transaction.atomic():
        record(now)
        transaction.set_rollback(True)

    assert not AuditEvent.objects.exists()


def test_an_event_carries_the_id_of_the_request(db: Database, now: datetime) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        event = record(now)

    assert AuditEvent.objects.get(pk=event.pk).request_id == "r-1"


def test_an_actor_is_a_person_a_key_an_agent_or_the_platform() -> None:
    uid = ids.make_uid()

    actors = [
        audit.Actor.from_user(User(uid=uid)),
        audit.Actor.from_key(ApiKey(uid=uid)),
        audit.Actor.from_agent(AgentToken(uid=uid)),
        audit.SYSTEM,
    ]

    assert [(actor.kind.value, actor.uid) for actor in actors] == [
        ("USER", uid),
        ("KEY", uid),
        ("AGENT", uid),
        ("SYSTEM", None),
    ]


@pytest.mark.sql
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditevent SET action = 'nothing'",
        "DELETE FROM accounts_auditevent",
        "TRUNCATE accounts_auditevent",
    ],
)
def test_the_application_has_no_right_to_change_the_trail(
    db: Database, now: datetime, statement: str
) -> None:
    record(now)

    with db.connect() as other, pytest.raises(psycopg.errors.InsufficientPrivilege):
        other.execute(statement)


@pytest.mark.sql
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditevent SET action = 'nothing'",
        "DELETE FROM accounts_auditevent",
        "TRUNCATE accounts_auditevent",
    ],
)
def test_even_the_owner_of_the_table_cannot_change_the_trail(
    db: Database, now: datetime, statement: str
) -> None:
    record(now)

    with (
        psycopg.connect(db.owner_dsn) as owner,
        pytest.raises(psycopg.errors.RestrictViolation, match="append-only"),
    ):
        owner.execute(statement)


@pytest.mark.sql
def test_the_database_refuses_an_actor_of_no_kind(db: Database, lab: Organization, now: datetime) -> None:
    with pytest.raises(IntegrityError):
        AuditEvent.objects.create(happened_at=now, actor_kind="GHOST", action="a", subject_kind="b")

"""Limits of keys and organizations: written whole, kept within bounds, told to gateways, on record."""

from datetime import datetime
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from accounts import keys, rates
from accounts.audit import SYSTEM
from accounts.keys import IssuedKey
from accounts.models import ApiKey, AuditEvent, Organization
from accounts.rates import RateLimits, RateOutOfRange
from accounts.revocations import CHANNEL
from tests.databases import Database


def read_key(digest: Any) -> tuple[Any, ...]:
    """What a gateway reads of a key's and its organization's limits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key_requests, key_tokens, key_concurrent, org_requests, org_tokens, org_concurrent"
            " FROM key_v2(%s)",
            [digest],
        )
        [row] = cursor.fetchall()
    return tuple(row)


def test_a_key_has_no_limits_of_its_own_unless_given(lab: Organization, now: datetime) -> None:
    plain = keys.issue_key(organization=lab, name="laptop", actor=SYSTEM, now=now)
    narrow = keys.issue_key(
        organization=lab, name="demo", actor=SYSTEM, now=now, limits=RateLimits(requests_per_minute=10)
    )

    assert read_key(plain.key.digest) == (None,) * 6
    assert read_key(narrow.key.digest) == (10, None, None, None, None, None)


def test_limits_are_replaced_and_gateways_are_told(
    lab_key: IssuedKey, lab: Organization, now: datetime, db: Database
) -> None:
    with psycopg.connect(db.dsn, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        rates.limit_key(key=lab_key.key, limits=RateLimits(5, 6, 7), actor=SYSTEM, now=now)
        rates.limit_key(key=lab_key.key, limits=RateLimits(tokens_per_minute=8), actor=SYSTEM, now=now)
        rates.limit_organization(organization=lab, limits=RateLimits(1, 2, 3), actor=SYSTEM, now=now)
        told = [notice.payload for notice in listener.notifies(timeout=0.3)]

    assert read_key(lab_key.key.digest) == (None, 8, None, 1, 2, 3)
    assert lab_key.key.tokens_per_minute == 8
    assert set(told) == {bytes(lab_key.key.digest).hex()}
    actions = AuditEvent.objects.filter(action__endswith=".limit").order_by("id")
    assert [event.action for event in actions] == ["key.limit", "key.limit", "organization.limit"]


@pytest.mark.parametrize("limit", [0, -1, rates.LIMIT_MAX + 1])
def test_a_limit_that_makes_no_sense_is_refused(limit: int) -> None:
    with pytest.raises(RateOutOfRange):
        RateLimits(concurrent_requests=limit)


def test_the_database_refuses_a_limit_that_lets_nothing_through(lab_key: IssuedKey) -> None:
    for table in (ApiKey, Organization):
        with pytest.raises(IntegrityError, match="rates_leave_room"), transaction.atomic():
            table.objects.update(concurrent_requests=0)


def test_an_operator_limits_an_organization_by_a_command(lab: Organization) -> None:
    call_command("limit_organization", str(lab.uid), "--concurrent-requests", "9")

    lab.refresh_from_db()
    assert (lab.concurrent_requests, lab.key_tokens_per_minute) == (9, None)
    with pytest.raises(CommandError, match="must be from 1"):
        call_command("limit_organization", str(lab.uid), "--tokens-per-minute", "0")

"""Whoever carries a settlement out may die at any statement, or not be alone: each provider is paid once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import connection

from accounts import organizations
from accounts.models import Organization
from billing import verification
from billing.models import Entry, Payout, SettlementBatch
from tests.cast import NOW
from tests.databases import Database
from tests.settlement import settling
from tests.settlement.settling import Desk, earn, read

PROVIDERS = 6


class Died(Exception):
    """The process that carried it out is gone."""


@pytest.fixture
def crew(db: Database) -> Desk:
    """Two operators, and providers that are owed a dollar more each; taxed, with a fee for the first."""
    made = settling.make_desk()
    for number in range(1, PROVIDERS + 1):
        provider = organizations.create_organization(name=f"Farm {number}", country="CN", now=NOW)
        earn(provider, f"{number}.001")
        made.say(provider, withholding_bps=1000 * (number % 2))
    return made


@pytest.fixture
def owner_dsn(db: Database) -> str:
    """Where the owner of the schema connects."""
    return db.owner_dsn


@contextmanager
def dying(at: int, *, after: bool) -> Iterator[None]:
    """Die at the statement with this number (from one), before it is run or after."""
    seen = 0

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == at and not after:
            raise Died
        result = execute(*arguments)
        if seen == at:
            raise Died
        return result

    with connection.execute_wrapper(count):
        yield


def check_paid_once(batch: SettlementBatch) -> None:
    batch.refresh_from_db()
    assert batch.state == "DONE"
    assert Payout.objects.count() == Entry.objects.filter(kind="PAYOUT").count() == PROVIDERS
    paid = sum((payout.amount + payout.tax for payout in Payout.objects.all()), Decimal(0))
    owed = sum((read("PAYABLE", farm) for farm in Organization.objects.all()), Decimal(0))
    assert paid + owed == Decimal("21.006")
    assert read("PAYOUT_IN_TRANSIT") == sum((one.amount for one in Payout.objects.all()), Decimal(0))
    assert verification.verify() == []


@pytest.mark.parametrize("after", [False, True])
def test_who_dies_at_any_statement_is_followed_and_nobody_paid_twice(crew: Desk, after: bool) -> None:
    batch = crew.draft()
    crew.agree(batch)

    deaths, at = 0, 0
    while True:
        at += 1
        try:
            with dying(at, after=after):
                crew.execute(batch)
            break
        except Died:
            deaths += 1

    assert deaths > PROVIDERS
    check_paid_once(batch)


def test_two_who_carry_it_out_at_once_pay_each_provider_once(crew: Desk) -> None:
    batch = crew.draft()
    crew.agree(batch)
    start, failures = threading.Barrier(2), list[BaseException]()

    def work() -> None:
        start.wait()
        try:
            crew.execute(SettlementBatch.objects.get(pk=batch.pk))
        except BaseException as failure:  # noqa: BLE001 - told to the test
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    check_paid_once(batch)


def test_an_item_that_the_ledger_refuses_waits_alone(crew: Desk, owner_dsn: str, caplog: Any) -> None:
    batch = crew.draft()
    crew.agree(batch)
    with psycopg.connect(owner_dsn, autocommit=True) as owner:
        close = "UPDATE ledger_account SET closed_at = {} WHERE code = 'liability:payable:1:USD'"
        owner.execute(close.format("now()").encode())
        with caplog.at_level("CRITICAL"):
            crew.execute(batch)
        stopped = (batch.state, Payout.objects.count())
        owner.execute(close.format("NULL").encode())
    crew.execute(batch)

    assert stopped == ("EXECUTING", PROVIDERS - 1)
    check_paid_once(batch)

"""A credit for a claim and a refund of the same charge: whoever comes second sees the first."""

import threading
import time

import psycopg
import pytest
from django.db import connection

from accounts import audit
from billing import claims
from billing.bookings import Bearer
from tests.billing import exchange as ex
from tests.billing.exchange import fetch, fetch_value
from tests.races.interleaving import SECONDS_MAX, remove_lock
from tests.races.stage import Stage
from tests.races.test_locks import stage  # noqa: F401

pytestmark = [pytest.mark.sql, pytest.mark.race]

LEGS = """
SELECT array_agg(p.account_id ORDER BY p.account_id), array_agg(-p.amount ORDER BY p.account_id)
  FROM charge_entry c JOIN posting p ON p.entry_id = c.entry_id WHERE c.usage_id = %s
"""
REFUND = "SELECT post_v1('refund:usage:' || %s, 'REFUND', 'test', '', now(), %s::bigint[], %s::numeric[])"


def credit_beside_a_refund(stage: Stage) -> tuple[str, bool]:  # noqa: F811
    """Credit a charge that somebody else is refunding; what came of it, and whether it waited."""
    ex.record(stage.app, stage.admit(stage.lab).attempt_id)
    ex.post_charges(stage.app)
    usage = int(fetch_value(stage.app, "SELECT max(usage_id) FROM charge"))
    with psycopg.connect(stage.db.dsn) as reading:
        legs = reading.execute(LEGS, [usage]).fetchone()
    assert legs is not None
    pids: list[int] = []
    outcomes: list[str] = []

    def credit() -> None:
        pids.append(int(fetch_pid()))
        try:
            claims.credit_charge(
                usage_id=usage,
                amount=claims.find_left(usage_id=usage).amount,
                borne_by=Bearer.PLATFORM,
                reason="wrong",
                actor=audit.SYSTEM,
                now=ex.NOW,
            )
            outcomes.append("credited")
        except claims.ChargeRefunded:
            outcomes.append("refunded")
        finally:
            connection.close()

    with psycopg.connect(stage.db.dsn) as refunding:
        refunding.execute("SELECT lock_refunds_v1()")
        refunding.execute(REFUND, [usage, *legs])
        thread = threading.Thread(target=credit)
        thread.start()
        waited = wait_for_lock(stage, thread, pids)
        refunding.commit()
        thread.join(SECONDS_MAX)
    [outcome] = outcomes
    return outcome, waited


def fetch_pid() -> int:
    """The process that serves this thread."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def wait_for_lock(stage: Stage, thread: threading.Thread, pids: list[int]) -> bool:  # noqa: F811
    """Look until the thread is over or waits for a lock; answers whether it waits."""
    give_up = time.monotonic() + SECONDS_MAX
    while thread.is_alive() and time.monotonic() < give_up:
        if pids and fetch_value(stage.app, "SELECT cardinality(pg_blocking_pids(%s)) > 0", pids[0]):
            return True
        time.sleep(0.002)
    return False


def count_returns(stage: Stage) -> int:  # noqa: F811
    """How often the charge went back."""
    return len(fetch(stage.app, "SELECT id FROM entry WHERE kind IN ('REFUND', 'CLAIM')"))


def test_a_charge_comes_back_once(stage: Stage) -> None:  # noqa: F811
    assert credit_beside_a_refund(stage) == ("refunded", True)
    assert count_returns(stage) == 1
    assert stage.is_clean()


def test_without_the_lock_it_comes_back_twice(stage: Stage) -> None:  # noqa: F811
    remove_lock(stage.db, "lock_refunds_v1", 1)

    outcome, _ = credit_beside_a_refund(stage)

    assert (outcome, count_returns(stage)) == ("credited", 2)
    assert not stage.is_clean()

"""Charging: posted once, in batches, and never held up by one bad charge."""

import logging
import subprocess
import sys
import time
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from billing import charges, ledger, tasks, verification
from core.sql import REPOSITORY
from tests.billing import exchange
from tests.billing.exchange import Buyer, Seller, fetch, fetch_value
from tests.databases import Database

pytestmark = pytest.mark.sql


def run() -> charges.Tally:
    return charges.post_charges(seconds_max=10)


def test_one_entry_stands_for_many_charges(app: psycopg.Connection[Any], lab: Buyer, farm: Seller) -> None:
    attempts = [exchange.admit(app, lab, farm).attempt_id for _ in range(4)]
    exchange.record_items(app, attempts)

    tally = run()

    assert (tally.charges, tally.entries, tally.quarantined) == (4, 1, 0)
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal("9.2"), Decimal(0))
    payable = exchange.account(app, "PAYABLE", farm.organization_id)
    assert ledger.balance(account_id=payable) == Decimal("0.76")
    assert verification.verify() == []


def test_charges_are_booked_on_the_day_they_were_made(
    app: psycopg.Connection[Any], db: Database, lab: Buyer, farm: Seller
) -> None:
    fund = exchange.make_buyer(app, "Fund")
    attempts = [exchange.admit(app, buyer, farm).attempt_id for buyer in (fund, lab, lab, fund, lab)]
    usages = [row["usage_id"] for row in exchange.record_items(app, attempts)]
    # In UTC: the last charges of one day, and the first and second of the next.
    moments = ["2026-03-01 23:59:59.999999Z", "2026-03-01 20:00Z", "2026-03-02 00:00Z", "2026-03-02 00:10Z"]
    with psycopg.connect(db.superuser_dsn, autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        for usage, moment in zip(usages, [*moments, "2026-03-01 07:00Z"], strict=True):
            superuser.execute("UPDATE charge SET rated_at = %s WHERE usage_id = %s", [moment, usage])

    tally = run()

    assert (tally.charges, tally.entries) == (5, 4)
    entries = fetch(
        app,
        "SELECT e.key, min(to_char(e.happened_at AT TIME ZONE 'UTC', 'DD HH24:MI')) AS happened,"
        " array_agg(c.usage_id ORDER BY c.usage_id) AS usages"
        " FROM entry e JOIN charge_entry c ON c.entry_id = e.id GROUP BY e.id ORDER BY e.id",
    )
    assert [(entry["happened"], entry["usages"]) for entry in entries] == [
        ("01 20:00", [usages[1], usages[4]]),
        ("02 00:00", [usages[2]]),
        ("01 23:59", [usages[0]]),
        ("02 00:10", [usages[3]]),
    ]
    assert [entry["key"] for entry in entries] == [
        f"charge:{lab.wallet_id}:{usages[1]}",
        f"charge:{lab.wallet_id}:{usages[2]}",
        f"charge:{fund.wallet_id}:{usages[0]}",
        f"charge:{fund.wallet_id}:{usages[3]}",
    ]
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal("9.4"), Decimal(0))
    assert verification.verify() == []


def test_a_charge_of_nothing_gives_its_hold_back(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    exchange.record(app, exchange.admit(app, lab, farm).attempt_id, out=0)

    tally = run()

    assert (tally.charges, tally.entries) == (1, 0)
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal(10), Decimal(0))
    assert verification.verify() == []


def test_one_bad_charge_is_quarantined_alone(
    app: psycopg.Connection[Any],
    owner: psycopg.Connection[Any],
    lab: Buyer,
    farm: Seller,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shut = exchange.make_seller(app, "Shut")
    buyers = [lab, exchange.make_buyer(app, "Fund")]
    attempts = [exchange.admit(app, buyer, seller).attempt_id for buyer in buyers for seller in (farm, farm)]
    attempts.insert(1, exchange.admit(app, lab, shut).attempt_id)
    bad = exchange.record_items(app, attempts)[1]["usage_id"]
    payable = exchange.account(app, "PAYABLE", shut.organization_id)
    owner.execute("UPDATE ledger_account SET closed_at = now() WHERE id = %s", [payable])

    with caplog.at_level(logging.ERROR):
        tally = run()

    assert (tally.charges, tally.quarantined) == (4, 1)
    assert [row["usage_id"] for row in fetch(app, "SELECT usage_id FROM charge_quarantine")] == [bad]
    assert f"Unable to post charge {bad}" in caplog.text
    assert verification.verify() == []
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal("9.6"), Decimal(2)), "its hold stands"

    owner.execute("UPDATE ledger_account SET closed_at = NULL WHERE id = %s", [payable])
    charges.requeue_charge(usage_id=bad)
    assert run().charges == 1
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal("9.4"), Decimal(0))
    assert verification.verify() == []


def test_a_run_that_refuses_everything_stops(
    app: psycopg.Connection[Any],
    owner: psycopg.Connection[Any],
    lab: Buyer,
    farm: Seller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(charges, "QUARANTINED_MAX", 2)
    exchange.record_items(app, [exchange.admit(app, lab, farm).attempt_id for _ in range(4)])
    owner.execute("UPDATE ledger_account SET closed_at = now()")

    with pytest.raises(charges.TooManyRefused):
        run()

    assert fetch_value(app, "SELECT count(*) FROM charge_queue") == 2


def test_a_lying_claim_beyond_the_hold_is_paid_by_nobody(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    job = exchange.admit(app, lab, farm)
    row = exchange.record(app, job.attempt_id, out=1200, claim_out=5000)

    run()

    assert (row["billed_out"], row["amount"], row["provider_amount"]) == (1200, Decimal(2), Decimal("1.9"))
    kinds = {flag["kind"] for flag in fetch(app, "SELECT kind FROM meter_flag")}
    assert kinds == {"claim_above_count", "above_hold"}
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal(8), Decimal(0))
    assert verification.verify() == []


def test_what_our_own_tokenizer_counted_beyond_the_hold_is_ours(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    exchange.record(app, exchange.admit(app, lab, farm).attempt_id, out=1200, method="tokenizer")

    run()

    assert exchange.read_scope(app, lab.wallet_id) == (Decimal(8), Decimal(0))
    assert ledger.balance(account_id=exchange.account(app, "OVERRUN")) == Decimal("0.4")
    payable = exchange.account(app, "PAYABLE", farm.organization_id)
    assert ledger.balance(account_id=payable) == Decimal("2.3")
    assert verification.verify() == []


def test_long_work_may_post_its_last_charge_first(app: psycopg.Connection[Any], farm: Seller) -> None:
    """Otherwise the wallet would be free for others before the first charge took its part."""
    lab = exchange.make_buyer(app, "Lab", funds="2")
    job = exchange.admit(app, lab, farm)
    first = exchange.record(app, job.attempt_id, out=400, final=False)["usage_id"]
    last = exchange.record(app, job.attempt_id, out=500, seq=2)["usage_id"]

    exchange.post_charges(app, [last])
    between = exchange.read_scope(app, lab.wallet_id)
    refused = exchange.admit_items(app, [(lab, farm)], out_bound=101)
    exchange.post_charges(app, [first])

    assert between == (Decimal(1), Decimal("0.8"))
    assert refused[0]["verdict"] == "insufficient_funds"
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal("0.2"), Decimal(0))
    assert verification.verify() == []


def test_work_that_fails_after_its_first_charge_keeps_that_charge_covered(
    app: psycopg.Connection[Any], farm: Seller
) -> None:
    lab = exchange.make_buyer(app, "Lab", funds="2")
    job = exchange.admit(app, lab, farm)
    exchange.record(app, job.attempt_id, out=400, final=False)

    exchange.fail(app, job.attempt_id)

    assert exchange.read_scope(app, lab.wallet_id) == (Decimal(2), Decimal("0.8"))
    assert run().quarantined == 0
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal("1.2"), Decimal(0))
    assert verification.verify() == []


def test_the_sweeper_bills_what_was_not_billed_yet(
    app: psycopg.Connection[Any], owner: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    job = exchange.admit(app, lab, farm)
    exchange.record(app, job.attempt_id, out=400, final=False)
    exchange.renew(app, [job.attempt_id], out=450)
    exchange.expire_leases(owner)

    assert exchange.sweep(app) == 1

    run()
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal("9.1"), Decimal(0))
    assert verification.verify() == []


def test_the_sweeper_leaves_what_a_living_gateway_serves(
    app: psycopg.Connection[Any], owner: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    exchange.admit(app, lab, farm)
    exchange.expire_leases(owner)
    served = exchange.admit(app, lab, farm)
    exchange.renew(app, [served.attempt_id], out=450)

    swept = exchange.sweep(app)

    running = exchange.fetch(app, "SELECT id FROM attempt WHERE state = 'RUNNING'")
    assert (swept, running) == (1, [{"id": served.attempt_id}])
    assert exchange.record(app, served.attempt_id, out=500)["verdict"] == "ok"


POSTER = """
import os, django
django.setup()
from billing import charges
total = 0
while (tally := charges.post_charges(seconds_max=5)).charges:
    total += tally.charges
print(total)
"""


@pytest.mark.race
def test_two_posting_processes_share_the_work(
    db: Database, app: psycopg.Connection[Any], farm: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = exchange.make_buyer(app, "Lab", funds="1000")
    for _ in range(5):
        rows = exchange.admit_items(app, [(lab, farm)] * 60)
        exchange.record_items(app, [row["attempt_id"] for row in rows])
    monkeypatch.setenv("DATABASE_URL", db.dsn)
    code = POSTER.replace("total = 0", "charges.BATCH_MAX = 20\ntotal = 0")

    processes = [
        subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    posted = [int(process.communicate()[0]) for process in processes]

    assert sum(posted) == 300
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal(940), Decimal(0))
    assert verification.verify() == []


def test_tasks_take_what_they_do_not_know_and_find_their_own_work(
    app: psycopg.Connection[Any],
    owner: psycopg.Connection[Any],
    lab: Buyer,
    farm: Seller,
    caplog: pytest.LogCaptureFixture,
) -> None:
    exchange.record(app, exchange.admit(app, lab, farm).attempt_id)

    tasks.post_charges(sent_by="an older version")
    time.sleep(0.01)
    tasks.sequence_entries(sent_by="an older version")
    tasks.ensure_partitions(sent_by="an older version")

    assert fetch_value(app, "SELECT count(*) FROM ledger_seq") == 2
    assert "default partition" not in caplog.text


def test_the_partitions_task_complains_of_strays_and_makes_what_is_due(
    db: Database,
    app: psycopg.Connection[Any],
    owner: psycopg.Connection[Any],
    lab: Buyer,
    farm: Seller,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # A jump beyond every range, as after a restore with a wrong sequence.
    owner.execute("SELECT setval('usage_id_seq', 500000000)")
    exchange.record(app, exchange.admit(app, lab, farm).attempt_id)

    with caplog.at_level(logging.INFO):
        tasks.ensure_partitions()
        tasks.ensure_partitions()

    assert "1 rows of charge are in its default partition" in caplog.text
    assert "Made 2 partitions of charge\n" in caplog.text, "the range of the stray itself cannot be made"
    run()
    owner.execute("SELECT setval('usage_id_seq', 505000000)")
    exchange.record(app, exchange.admit(app, lab, farm).attempt_id)
    with pytest.raises(psycopg.errors.RestrictViolation):
        owner.execute("DELETE FROM charge_000101")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("INSERT INTO charge_000101 SELECT * FROM charge_000101")

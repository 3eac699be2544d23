"""Many at once, with real commits: nobody overspends, nothing is done twice, and nothing hangs."""

import random
import threading
from collections import Counter
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from billing import verification
from tests.billing import exchange as ex
from tests.billing.exchange import Buyer, Seller, fetch, fetch_value
from tests.databases import Database
from tests.races.interleaving import Step, run_together

pytestmark = [pytest.mark.sql, pytest.mark.race]

CROWD = 200
ROOM = 17
THREADS = 20


def poll_available(db: Database, wallet_id: int, stop: threading.Event, seen: list[Decimal]) -> None:
    with psycopg.connect(db.dsn, autocommit=True) as connection:
        while not stop.is_set():
            seen.append(fetch_value(connection, "SELECT posted - held FROM scope WHERE id = %s", wallet_id))


@pytest.mark.parametrize("wait", [True, False])
def test_two_hundred_at_once_on_a_wallet_with_room_for_some(
    db: Database, app: psycopg.Connection[Any], farm: Seller, wait: bool
) -> None:
    lab = ex.make_buyer(app, "Lab", funds=f"{2 * ROOM}.999999999")
    stop, seen = threading.Event(), list[Decimal]()
    poller = threading.Thread(target=poll_available, args=[db, lab.wallet_id, stop, seen])

    def ask(connection: psycopg.Connection[Any]) -> Counter[str]:
        verdicts: Counter[str] = Counter()
        for _ in range(CROWD // THREADS):
            verdict = "busy"
            while verdict == "busy":
                verdict = ex.admit_items(connection, [(lab, farm)], wait=wait)[0]["verdict"]
            verdicts[verdict] += 1
        return verdicts

    poller.start()
    outcomes = run_together(db, [ask] * THREADS)
    stop.set()
    poller.join()

    assert [outcome.error for outcome in outcomes if outcome.error] == []
    verdicts = sum((outcome.value for outcome in outcomes), Counter[str]())
    assert verdicts == {"ok": ROOM, "insufficient_funds": CROWD - ROOM}
    assert min(seen) == Decimal("0.999999999")
    # How many states in between are seen is a matter of how fast they pass.
    assert len(set(seen)) > 1
    assert verification.verify() == []


def test_one_idempotency_key_sixty_four_ways_is_one_job(
    db: Database, app: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    def ask(connection: psycopg.Connection[Any]) -> list[ex.Row]:
        return ex.admit_items(connection, [(lab, farm)] * 4, keys=["key"] * 4, out_bound=10)

    rows = [row for outcome in run_together(db, [ask] * 16) for row in outcome.value]

    assert Counter(row["verdict"] for row in rows) == {"ok": 1, "duplicate": 63}
    assert fetch_value(app, "SELECT count(*) FROM job") == 1
    [winner] = [row["job_uid"] for row in rows if row["verdict"] == "ok"]
    assert {row["detail"] for row in rows if row["verdict"] == "duplicate"} == {winner}


def test_a_key_of_a_refused_request_is_free_again(
    db: Database, app: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    """A duplicate of a request that was refused is refused too, and never told that a job exists."""

    def ask(connection: psycopg.Connection[Any]) -> list[ex.Row]:
        return ex.admit_items(connection, [(lab, farm)] * 4, keys=["key"] * 4, out_bound=9000)

    rows = [row for outcome in run_together(db, [ask] * 8) for row in outcome.value]

    assert {row["verdict"] for row in rows} == {"insufficient_funds"}
    assert fetch_value(app, "SELECT count(*) FROM idempotency_claim") == 0
    assert ex.admit_items(app, [(lab, farm)], keys=["key"])[0]["verdict"] == "ok"
    other = ex.admit_items(app, [(lab, farm)], keys=["key"], bodies=[b"other"])
    assert other[0]["verdict"] == "key_reused"


def test_without_its_key_a_claim_stops_nobody(
    db: Database, app: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    """The control of the two above."""
    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        owner.execute("ALTER TABLE idempotency_claim DROP CONSTRAINT idempotency_claim_pkey")

    def ask(connection: psycopg.Connection[Any]) -> Any:
        return ex.admit_items(connection, [(lab, farm)], keys=["key"], out_bound=10)

    run_together(db, [ask] * 8)

    assert fetch_value(app, "SELECT count(*) FROM job") > 1


def test_two_gateways_and_a_sweeper_settle_an_attempt_once(
    db: Database, app: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    attempts = [ex.admit(app, lab, farm, out_bound=10).attempt_id for _ in range(20)]
    ex.renew(app, attempts, out=3)
    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        ex.expire_leases(owner)

    def gateway(out: int) -> Step:
        def work(connection: psycopg.Connection[Any]) -> list[ex.Row]:
            halves = (attempts[:10], attempts[10:])
            return [row for half in halves for row in ex.record_items(connection, half, out=out)]

        return work

    first, second, swept = run_together(db, [gateway(5), gateway(7), ex.sweep])

    assert [first.error, second.error, swept.error] == [None, None, None]
    done = [row["verdict"] for row in (*first.value, *second.value)].count("ok")
    assert done + swept.value == 20
    # Whoever came later was told the winner's figures.
    billed = {
        row["usage_id"]: row["billed_out"] for row in fetch(app, "SELECT id AS usage_id, * FROM usage_record")
    }
    for row in (*first.value, *second.value):
        assert row["verdict"] in ("ok", "already")
        assert row["billed_out"] == billed[row["usage_id"]]
    ex.post_charges(app)
    assert verification.verify() == []


def test_a_day_of_everything_at_once(db: Database, app: psycopg.Connection[Any]) -> None:
    """Admit, record, fail, retry, renew, cancel, sweep, post, top up: no deadlock, and clean books."""
    buyers = [ex.make_buyer(app, f"Buyer {number}", funds="20") for number in range(3)]
    sellers = [
        ex.make_seller(app, f"Seller {number}", output_price=price)
        for number, price in enumerate(("0.002", "0.003"))
    ]
    for buyer in buyers[:2]:
        ex.set_limit(app, buyer, 15)
        ex.set_limit(app, buyer, 12, period="DAILY")
    owner = psycopg.connect(db.owner_dsn, autocommit=True)

    def work_day(seed: int) -> Step:
        def work(connection: psycopg.Connection[Any]) -> None:
            draw = random.Random(seed)
            for _ in range(25):
                live_one_hour(connection, draw, buyers, sellers)

        return work

    def keep_house(connection: psycopg.Connection[Any]) -> None:
        for _ in range(25):
            ex.expire_leases(owner)
            ex.sweep(connection)
            ex.post_charges(connection)
            fetch_value(connection, "SELECT sequence_entries_v1()")

    outcomes = run_together(db, [*(work_day(seed) for seed in range(6)), keep_house, keep_house])
    owner.close()

    assert [outcome.error for outcome in outcomes if outcome.error] == []
    while ex.post_charges(app):
        pass
    assert verification.verify() == []


def live_one_hour(
    connection: psycopg.Connection[Any], draw: random.Random, buyers: list[Buyer], sellers: list[Seller]
) -> None:
    """A few things that gateways, dispatchers and people do, in an order that was drawn."""
    pairs = [(draw.choice(buyers), draw.choice(sellers)) for _ in range(draw.randint(1, 4))]
    deferred = draw.random() < 0.3
    rows = ex.admit_items(connection, pairs, out_bound=200, deferred=deferred, wait=draw.random() < 0.5)
    jobs = [
        (ex.Admitted(row["job_id"], row["attempt_id"], row["job_uid"], row["hold_amount"]), *pair)
        for row, pair in zip(rows, pairs, strict=True)
        if row["verdict"] == "ok"
    ]
    for job, buyer, seller in jobs:
        if deferred and draw.random() < 0.5:
            ex.cancel(connection, buyer, job)
        if deferred or draw.random() < 0.3:
            ex.reattempt(connection, job, draw.choice([seller, *sellers]), first=deferred)
    attempts = [job.attempt_id for job, _, _ in jobs if job.attempt_id]
    draw.shuffle(attempts)
    ex.renew(connection, attempts, out=draw.choice([0, 50]))
    for attempt in attempts[:1]:
        ex.fail(connection, attempt)
    if attempts:
        ex.record_items(connection, attempts, out=draw.choice([1, 100, 300]), final=draw.random() < 0.7)
    ex.top_up(connection, draw.choice(buyers), "0.01")

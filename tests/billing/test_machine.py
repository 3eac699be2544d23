"""
The exchange's money against a model in plain Python, step by step.

The model knows nothing of SQL. After each step every scope has what the model says, and a refused step has
changed nothing; at the end of each story the whole verification is clean.
"""

import sys
from dataclasses import dataclass, field
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from billing import verification
from tests import databases
from tests.billing import exchange as ex

# Hundreds of steps, each checked against everything: long on a busy machine.
pytestmark = [pytest.mark.sql, pytest.mark.timeout(240)]

TOKEN = Decimal("0.002")


@dataclass(slots=True)
class Charged:
    """A charge that waits to be posted: it lowers wallet and limit, and `freed` is given back to both."""

    amount: Decimal
    freed: Decimal


@dataclass(slots=True)
class Model:
    """What must be true."""

    wallet: Decimal = Decimal(0)
    ceiling: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    provider: Decimal = Decimal(0)
    bank: Decimal = Decimal(0)
    queue: list[Charged] = field(default_factory=list)

    def verdict(self, amount: Decimal) -> str:
        if self.ceiling - self.spent - self.held < amount:
            return "key_limit_exceeded"
        return "ok" if self.wallet - self.held >= amount else "insufficient_funds"


@dataclass(slots=True)
class Live:
    """A job whose attempt runs, with what its checkpoint says."""

    job: ex.Admitted
    amount: Decimal
    charged: Decimal = Decimal(0)
    checkpoint: int = 0
    recorded_out: int = 0
    records: int = 0
    ended: bool = False


class Money(RuleBasedStateMachine):
    """Everything that moves money, in any order."""

    db: databases.Database
    jobs = Bundle("jobs")

    @initialize()
    def open_books(self) -> None:
        self.app = psycopg.connect(self.db.dsn, autocommit=True)
        self.owner = psycopg.connect(self.db.owner_dsn, autocommit=True)
        self.lab = ex.make_buyer(self.app, "Lab", funds="0")
        self.farm = ex.make_seller(self.app, f"Farm {self.lab.organization_id}")
        self.model = Model()
        self.running: list[Live] = []
        self.limit = 0
        self.set_limit(ceiling=8)
        self.top_up(amount=Decimal(5))

    @rule(amount=st.decimals(min_value="0.000000001", max_value=3, places=9))
    def top_up(self, amount: Decimal) -> None:
        ex.top_up(self.app, self.lab, str(amount))
        self.model.wallet += amount
        self.model.bank += amount

    @rule(ceiling=st.integers(0, 12))
    def set_limit(self, ceiling: int) -> None:
        self.limit = ex.set_limit(self.app, self.lab, ceiling)
        self.model.ceiling = Decimal(ceiling)

    @rule(target=jobs, out_bound=st.integers(0, 1500), key=st.sampled_from([None, "a", "b"]))
    def admit(self, out_bound: int, key: str | None) -> Live | None:
        known = ex.fetch(self.app, "SELECT job_uid FROM idempotency_claim WHERE key = %s", key)
        [row] = ex.admit_items(self.app, [(self.lab, self.farm)], out_bound=out_bound, keys=[key])
        if known:
            assert (row["verdict"], row["detail"]) == ("duplicate", str(known[0]["job_uid"]))
            return None
        amount = TOKEN * out_bound
        assert row["verdict"] == self.model.verdict(amount)
        if row["verdict"] != "ok":
            return None
        self.model.held += amount
        live = Live(ex.Admitted(row["job_id"], row["attempt_id"], row["job_uid"], row["hold_amount"]), amount)
        self.running.append(live)
        return live

    @rule(live=jobs, out=st.integers(0, 2000), final=st.booleans(), claim=st.none() | st.integers(0, 2000))
    def record(self, live: Live | None, out: int, final: bool, claim: int | None) -> None:
        if live is None:
            return
        row = ex.record(
            self.app, live.job.attempt_id, out=out, claim_out=claim, seq=live.records + 1, final=final
        )
        if live.ended:
            assert row["verdict"] in ("already", "fenced")
            return
        assert row["verdict"] == "ok"
        assert row["amount"] == self.charge(live, out if claim is None else min(out, claim), final=final)
        live.recorded_out += out

    def charge(self, live: Live, billed: int, *, final: bool) -> Decimal:
        amount = min(TOKEN * billed, live.amount - live.charged)
        live.charged += amount
        live.records += 1
        freed = amount + (live.amount - live.charged if final else 0)
        self.model.queue.append(Charged(amount, freed))
        if final:
            self.end(live)
        return amount

    def end(self, live: Live) -> None:
        live.ended = True
        self.running.remove(live)

    @rule(live=jobs)
    def fail(self, live: Live | None) -> None:
        if live is None:
            return
        verdict = ex.fail(self.app, live.job.attempt_id)
        assert verdict == ("fenced" if live.ended else "ok")
        if not live.ended:
            self.model.held -= live.amount - live.charged
            self.end(live)

    @rule(live=jobs, out=st.integers(0, 1500))
    def renew(self, live: Live | None, out: int) -> None:
        if live is None:
            return
        assert ex.renew(self.app, [live.job.attempt_id], out=out) == (
            [] if live.ended else [live.job.attempt_id]
        )
        live.checkpoint = max(live.checkpoint, out)

    @rule(live=jobs)
    def retry(self, live: Live | None) -> None:
        if live is None:
            return
        row = ex.reattempt(self.app, live.job, self.farm)
        if live.ended or live.records:
            assert row["verdict"] == "fenced"
            return
        assert row["verdict"] == "ok"
        live.job = ex.Admitted(live.job.job_id, row["attempt_id"], live.job.job_uid, live.job.hold)
        live.checkpoint = 0

    @rule()
    def sweep(self) -> None:
        ex.expire_leases(self.owner)
        assert ex.sweep(self.app) == len(self.running)
        for live in list(self.running):
            if live.checkpoint or live.records:
                self.charge(live, max(live.checkpoint - live.recorded_out, 0), final=True)
            else:
                self.model.held -= live.amount
                self.end(live)

    @rule()
    def post(self) -> None:
        assert ex.post_charges(self.app) == len(self.model.queue)
        for charged in self.model.queue:
            self.model.wallet -= charged.amount
            self.model.spent += charged.amount
            self.model.held -= charged.freed
            self.model.provider += charged.amount
        self.model.queue.clear()
        ex.fetch(self.app, "SELECT sequence_entries_v1()")

    @invariant()
    def agrees_with_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        wallet, limit = (ex.read_scope(self.app, scope) for scope in (self.lab.wallet_id, self.limit))
        assert wallet == (self.model.wallet, self.model.held)
        assert limit == (self.model.ceiling - self.model.spent, self.model.held)
        # Conservation: what came in is in the wallet, with the provider, or with the platform.
        assert self.model.bank == self.model.wallet + self.model.provider

    def teardown(self) -> None:
        if hasattr(self, "app"):
            self.app.close()
            self.owner.close()
            try:
                # What failed is told by the step that did.
                assert sys.exception() is not None or verification.verify() == []
            finally:
                _empty(self.db)


def _empty(db: databases.Database) -> None:
    # Each example starts with empty books in the same database.
    tables = (
        "entry, posting, ledger_account, ledger_seq, ledger_cursor, hold, charge, charge_queue, charge_entry"
    )
    others = "charge_quarantine, job, attempt, usage_record, idempotency_claim"
    with psycopg.connect(db.superuser_dsn, autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(f"TRUNCATE {tables}, {others} CASCADE".encode())


def test_money_agrees_with_the_model(db: databases.Database) -> None:
    Money.db = db
    run_state_machine_as_test(
        Money,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

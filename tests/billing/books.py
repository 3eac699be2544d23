"""Books with a row of everything in them, and one transaction a trial that is always undone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from billing import verification
from config.embedded.postgres import APP_ROLE, OWNER_ROLE, Cluster
from tests import databases
from tests.billing import (
    bank_books,
    claim_books,
    compliance_books,
    connect_books,
    exchange,
    fx_books,
    invoice_books,
    market_books,
    periods,
    rail_books,
    self_bill_books,
    settled_books,
    stripe_books,
)
from tests.databases import Database

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Books:
    """A database full of rows; `superuser` may take any role and remove any rule, inside a trial."""

    superuser: Connection

    @contextmanager
    def trial(self) -> Iterator[Connection]:
        """One transaction as superuser, undone at the end."""
        with self.superuser.transaction(force_rollback=True):
            yield self.superuser

    def become(self, role: str) -> None:
        """Act as the owner or the application for the rest of the trial."""
        self.superuser.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))

    def attempt(self, role: str, statement: str) -> psycopg.Error | None:
        """Run a statement as a role, deferred rules included; answers the refusal, if any."""
        try:
            with self.superuser.transaction():
                self.become(role)
                self.superuser.execute(statement.encode())
                self.superuser.execute("SET CONSTRAINTS ALL IMMEDIATE")
                self.superuser.execute("RESET ROLE")
        except psycopg.Error as error:
            return error
        return None


OWNER, APP = OWNER_ROLE, APP_ROLE


@contextmanager
def keep(cluster: Cluster) -> Iterator[Books]:
    """Full books in a database of their own."""
    with databases.Desk(cluster).lend() as db:
        fill(db)
        with psycopg.connect(db.superuser_dsn, autocommit=True) as superuser:
            yield Books(superuser)


def fill(db: Database) -> None:
    """Write one of everything: posted, queued, quarantined, running, waiting, reversed, limited."""
    with (
        psycopg.connect(db.dsn, autocommit=True) as app,
        psycopg.connect(db.owner_dsn, autocommit=True) as owner,
    ):
        lab = exchange.make_buyer(app, "Lab", funds="100")
        fund = exchange.make_buyer(app, "Fund", funds="70", currency="CNY")
        farm = exchange.make_seller(app, "Farm")
        for period in ("LIFETIME", "MONTHLY"):
            exchange.set_limit(app, lab, 50, period=period)
        posted, overdrawn, long_work, refused, queued, _running = (
            exchange.admit(app, lab, farm, keys=[f"key-{number}"]) for number in range(6)
        )
        exchange.admit(app, lab, farm, deferred=True)
        exchange.fail(app, exchange.admit(app, lab, farm).attempt_id)
        exchange.record(app, posted.attempt_id, claim_out=90, tokens_in=10)
        exchange.record(app, overdrawn.attempt_id, out=1500, method="tokenizer")
        exchange.record(app, long_work.attempt_id, final=False)
        exchange.post_charges(app)
        exchange.record(app, long_work.attempt_id, seq=2)
        bad = exchange.record(app, refused.attempt_id)
        exchange.fetch(app, "SELECT quarantine_charge_v1(%s, 'refused')", bad["usage_id"])
        exchange.record(app, queued.attempt_id)
        top_up = exchange.top_up(app, lab, "5")
        bank = exchange.account(app, "CLEARING_BANK")
        exchange.fetch(
            app,
            "SELECT post_v1('reversal:1', 'REVERSAL', 'test', '', now(), %s::bigint[], %s::numeric[], %s)",
            *([bank, lab.account_id], [Decimal(-5), Decimal(5)], top_up),
        )
        _close(db, app)
        exchange.top_up(app, fund, "1", currency="CNY")
        _charge_heat(app, lab, farm)
        _convert(app, owner, lab)
        _add_receipt(owner)
        fx_books.trade(app)
        invoice_books.fill(app, lab)
        stripe_books.fill(app, lab)
        people = decide(app)
        self_bill_books.agree(app, farm.organization_id, people[0])
        settled_books.settle(app, farm.organization_id, *people)
        self_bill_books.issue(app, farm.organization_id)
        bank_books.fill(app, lab, people[0])
        connect_books.fill(app, owner, farm.organization_id)
        rail_books.fill(app, farm.organization_id, *people)
        compliance_books.fill(app, lab, *people)
        claim_books.fill(app, *people)
        exchange.fetch(app, "SELECT sequence_entries_v1()")
        exchange.fetch(app, "SELECT fold_income_v1(100000)")
        market_books.fill(app, owner)
        # One that has no number yet.
        exchange.top_up(app, fund, "2", currency="CNY")


def _close(db: Database, app: Connection) -> None:
    """A day long ago, closed with what the owners paid in."""
    legs = sorted([exchange.account(app, "CLEARING_BANK"), exchange.account(app, "CAPITAL")])
    paid = "SELECT post_v1('capital:1', 'CAPITAL', 'test', '', %s, %s::bigint[], '{7,-7}')"
    exchange.fetch(app, paid, datetime(2020, 1, 1, tzinfo=UTC), legs)
    approval = periods.approve(db, date(2020, 1, 2))
    exchange.fetch(app, periods.CLOSE, approval)


def _convert(app: Connection, owner: Connection, buyer: exchange.Buyer) -> None:
    """One charge of a price in another currency than its wallet, a part of it given back."""
    exchange.set_rate(owner, "USD", "EUR", mid="1.1", rate="1.1055")
    seller = exchange.make_seller(app, "Yard", currency="EUR", slug="other")
    used = exchange.record(app, exchange.admit(app, buyer, seller).attempt_id)
    exchange.fetch(app, "SELECT post_charges_v1(10, ARRAY[%s]::bigint[])", used["usage_id"])


def _charge_heat(app: Connection, buyer: exchange.Buyer, seller: exchange.Seller) -> None:
    """One charge of heat that is posted, and one that no wallet can pay."""
    note = "SELECT charge_heat_v1(%s, %s, %s, 'USD', %s, 0.01, '', now())"
    parties = (buyer.organization_id, seller.organization_id)
    posted = exchange.fetch_value(app, note, "heat:1:1", *parties, Decimal("0.5"))
    exchange.fetch(app, "SELECT post_heat_v1(%s)", posted)
    exchange.fetch(app, note, "heat:1:2", *parties, Decimal(5000))


def decide(app: Connection) -> tuple[Any, Any]:
    """One thing that waits for a second person, and one that is approved; gives the two people."""
    ann, bob = (
        exchange.fetch_value(
            app,
            "SELECT uid FROM accounts_user WHERE id = %s",
            exchange.make_person(app, f"{name}@ops.example"),
        )
        for name in ("ann", "bob")
    )
    ask = "SELECT approval_id FROM request_approval_v1(gen_random_uuid(), 'correction', %s, '{}', %s, now())"
    exchange.fetch(app, ask, "one", ann)
    approved = exchange.fetch_value(app, ask, "two", ann)
    exchange.fetch(
        app,
        "SELECT decide_approval_v1(id, 'APPROVED', sha256, %s, '', now()) FROM approval WHERE id = %s",
        *(bob, approved),
    )
    return ann, bob


def _add_receipt(owner: Connection) -> None:
    owner.execute(
        "INSERT INTO receipt"
        " (attempt_uid, node_id, body, signature, key_id, nonce, joules, tier, started_at, ended_at)"
        " SELECT uid, node_id, 'body', decode(repeat('00', 64), 'hex'), 'k', 'n', 1, 'declared', now(), now()"
        " FROM attempt LIMIT 1"
    )
    owner.execute("INSERT INTO receipt_comparison (receipt_id) SELECT id FROM receipt")
    owner.execute("INSERT INTO node_event (node_id, kind) VALUES (1, 'duplicate')")


def find_wrong(connection: Connection) -> dict[str, int]:
    """Run every check in the connection's own transaction: how many wrong rows each found."""
    found = {check.name: len(exchange.fetch(connection, check.query)) for check in verification.list_checks()}
    return {name: count for name, count in found.items() if count}

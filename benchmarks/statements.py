"""
A statement of 100,000 charges: its CSV alone, and its PDF with it, against COPY of as many rows out of the
server (the floor). Then totals over a million random lines of an invoice (LINES says how many).
"""

import os
import random
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO

import psycopg

from benchmarks.exchange import SECRETS, Exchange, open_exchange
from benchmarks.report import Figure

CHARGES = 100_000
PER_ENTRY = 100
LINES = int(os.environ.get("LINES", "1000000"))
# Written as a superuser who passes by triggers: what is measured is reading. An entry has a hundred charges.
ENTRIES = """
INSERT INTO entry (id, key, kind, actor, happened_at, accounts, amounts) OVERRIDING SYSTEM VALUE
SELECT 1000000 + n, 'charge:bench:' || n, 'CHARGE', 'bench', now(), ARRAY[%(account)s, %(payable)s],
       ARRAY[0.0001, -0.0001] FROM generate_series(1, %(entries)s::bigint) n
"""
POSTINGS = """
INSERT INTO posting (entry_id, seq, account_id, currency, amount)
SELECT e.id, l.seq, l.account, 'USD', l.amount
  FROM entry e CROSS JOIN LATERAL unnest(e.accounts, e.amounts) WITH ORDINALITY l(account, amount, seq)
 WHERE e.kind = 'CHARGE'
"""
HOLDS = """
INSERT INTO hold (id, source, currency, amount, released, scopes, state, closed_at) OVERRIDING SYSTEM VALUE
SELECT 1000000 + n, 1000000 + n, 'USD', 1, 1, ARRAY[%(wallet)s], 'CLOSED', now()
  FROM generate_series(1, %(charges)s::bigint) n
"""
CHARGED = """
INSERT INTO charge (usage_id, hold_id, wallet_id, payable_id, currency, rated, amount, fee, closes_hold)
SELECT 1000000 + n, 1000000 + n, %(wallet)s, %(payable)s, 'USD', 0.000001, 0.000001, 0, true
  FROM generate_series(1, %(charges)s::bigint) n
"""
LINKS = """
INSERT INTO charge_entry (usage_id, entry_id)
SELECT 1000000 + n, 1000001 + (n - 1) / %(per)s FROM generate_series(1, %(charges)s::bigint) n
"""
WALLET = """
SELECT s.id, s.account_id, s.organization_id,
       (SELECT min(id) FROM ledger_account WHERE purpose = 'PAYABLE')
  FROM scope s WHERE s.kind = 1 ORDER BY s.id LIMIT 1
"""


def measure() -> list[Figure]:
    """Seconds for one statement, and for the totals."""
    with open_exchange() as exchange:
        os.environ.update(SECRETS | exchange.environ)
        os.environ.update({"REDIS_URL": "redis://127.0.0.1:1/0", "DJANGO_SETTINGS_MODULE": "config.settings"})
        organization = _fill(exchange)
        floor = _copy(exchange)
        csv, pdf, lines = _write(organization)
    if lines != CHARGES:
        raise RuntimeError(f"{lines} of {CHARGES} lines are in the statement")
    return [
        Figure(f"COPY of {CHARGES:,} charges", floor, "s"),
        Figure("statement as CSV", csv, "s", "COPY", csv / floor, "10 s"),
        Figure("statement as PDF and CSV", pdf, "s", "COPY", pdf / floor, "10 s"),
        Figure(f"shares of {LINES:,} lines", _share(), "s"),
    ]


def _fill(exchange: Exchange) -> int:
    from config.embedded.postgres import SUPERUSER

    with psycopg.connect(exchange.cluster.url(SUPERUSER), autocommit=True) as connection:
        wallet, account, organization, payable = connection.execute(WALLET).fetchone() or (0, 0, 0, 0)
        if payable is None:
            row = connection.execute("SELECT account_v1('PAYABLE', %s, 'USD')", [organization]).fetchone()
            payable = (row or (0,))[0]
        values = {"wallet": wallet, "account": account, "payable": payable, "charges": CHARGES}
        values |= {"entries": CHARGES // PER_ENTRY, "per": PER_ENTRY}
        connection.execute("SET session_replication_role = replica")
        for query in (ENTRIES, POSTINGS, HOLDS, CHARGED, LINKS):
            connection.execute(query.encode(), values)
        connection.execute("ANALYZE")
    return int(organization)


def _copy(exchange: Exchange) -> float:
    began = time.perf_counter()
    with (
        exchange.connect() as connection,
        connection.cursor() as cursor,
        cursor.copy("COPY (SELECT * FROM charge) TO STDOUT") as copy,
    ):
        size = sum(len(piece) for piece in copy)
    if not size:
        raise RuntimeError("there is nothing to copy")
    return time.perf_counter() - began


def _write(organization: int) -> tuple[float, float, int]:
    import django

    django.setup()
    from billing import wallets
    from billing.statements import csv_files, documents
    from billing.statements.periods import Period
    from billing.statements.statement import open_statement

    today = datetime.now(UTC).date()
    period = Period(today - timedelta(days=1), today + timedelta(days=2))
    wallet = wallets.find_wallet(organization_id=organization, currency="USD")
    began = time.perf_counter()
    with open_statement(wallet=wallet, period=period) as statement:
        written = csv_files.write_csv(statement, BytesIO())
    csv, began = time.perf_counter() - began, time.perf_counter()
    with open_statement(wallet=wallet, period=period) as statement:
        documents.render_statement(statement=statement, language="en", out=BytesIO())
    # The wallet's top-up is a line too.
    return csv, time.perf_counter() - began, written.lines - 1


def _share() -> float:
    from billing.statements.shares import add, show_shares
    from core.quantities import round_half_even

    lot = random.Random(4)
    exact = [Decimal(lot.randrange(10**12)).scaleb(-9) for _ in range(LINES)]
    began = time.perf_counter()
    shown = show_shares(exact, places=2)
    took = time.perf_counter() - began
    if add(shown) != round_half_even(add(exact), 2):
        raise RuntimeError("the shares do not add up")
    return took

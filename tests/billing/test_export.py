"""What leaves the ledger for people and other programs."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from billing import export
from core.sql import REPOSITORY
from tests.billing import exchange
from tests.billing.exchange import Buyer, Seller
from tests.databases import Database
from tests.workers.conftest import BLOB_KEY

pytestmark = pytest.mark.sql


@pytest.fixture
def busy(app: psycopg.Connection[Any], lab: Buyer, farm: Seller) -> None:
    """Two currencies, a charge, and a key that is trouble in every format."""
    exchange.record(app, exchange.admit(app, lab, farm).attempt_id)
    exchange.post_charges(app)
    exchange.make_buyer(app, "Fund", funds="7.000000001", currency="CNY")
    exchange.top_up(app, lab, "0.000000001", key="=HYPERLINK(1);|发票")


def test_the_trial_balance_has_equal_columns(busy: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ledger", "trial-balance")
    text = capsys.readouterr().out
    call_command("ledger", "trial-balance", "--json")
    yuan, dollars = json.loads(capsys.readouterr().out)

    assert (yuan["currency"], yuan["debit"], yuan["credit"]) == ("CNY", "7.000000001", "7.000000001")
    assert (dollars["currency"], dollars["debit"]) == ("USD", dollars["credit"])
    assert dollars["debit"] == "10.000000001"
    assert dollars["accounts"][0] == {
        "account": "asset:clearing_bank:USD",
        "debit": "10.000000001",
        "credit": "0.000000000",
    }
    lines = [line for line in text.splitlines() if line.startswith("liability:") and ":USD" in line]
    assert {line.rindex(".") for line in lines} == {lines[0].rindex(".")}, "points stand below each other"


def test_an_empty_ledger_has_a_trial_balance(db: object, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ledger", "trial-balance")

    assert capsys.readouterr().out == "Nothing has moved yet.\n"


def test_csv_has_a_row_for_each_posting(busy: None, tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    call_command("ledger", "export", "--format", "csv", "--output", str(path))

    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))

    assert [row["number"] for row in rows] == ["1", "1", "2", "2", "2", "3", "3", "4", "4"]
    assert rows[-1]["key"] == "'=HYPERLINK(1);|发票"
    assert (rows[-1]["debit"], rows[-1]["credit"]) == ("", "0.000000001")
    assert rows[0]["happened_at"] == "2026-06-01T12:00:00.000000Z"
    assert sum(Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0) for row in rows) == 0


def test_pages_join(busy: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ledger", "export", "--format", "hledger")
    whole = capsys.readouterr().out
    monkeypatch.setattr(export, "PAGE_ENTRIES", 1)

    call_command("ledger", "export", "--format", "hledger")

    assert capsys.readouterr().out == whole
    assert "(%3DHYPERLINK" not in whole
    assert "(=HYPERLINK%281%29%3B%7C%E5%8F%91%E7%A5%A8)" in whole


def test_beancount_has_legal_names_and_says_what_each_entry_is(
    busy: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("ledger", "export", "--format", "beancount")
    whole = capsys.readouterr().out
    monkeypatch.setattr(export, "PAGE_ENTRIES", 1)

    call_command("ledger", "export", "--format", "beancount")

    assert capsys.readouterr().out == whole
    opened = [line.split() for line in whole.splitlines() if " open " in line]
    accounts = {words[2]: words[3] for words in opened}
    assert accounts["Assets:Clearing-Bank:CNY"] == "CNY"
    assert all(
        re.fullmatch(r"(Assets|Liabilities|Income|Expenses)(:[A-Z0-9][A-Za-z0-9-]*)+", name)
        for name in accounts
    )
    assert '* "TOPUP" "=HYPERLINK%281%29%3B%7C%E5%8F%91%E7%A5%A8"' in whole
    assert '\n  entry: "' in whole
    balances = [line for line in whole.splitlines() if " balance " in line]
    assert {line.split()[2] for line in balances} == accounts.keys() - {"Expenses:Overrun:USD"}, (
        "it never moved"
    )
    assert all(" ~ 0 " in line for line in balances)


def test_an_empty_ledger_exports(db: object, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ledger", "export", "--format", "hledger")

    assert 'commodity 1000.000000000 "USDC"' in capsys.readouterr().out


@pytest.mark.parametrize("action", [["export", "--format", "csv"], ["trial-balance"]], ids=str)
def test_ends_quietly_when_nobody_reads_on(
    busy: None, db: Database, tmp_path: Path, action: list[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DATABASE_URL": db.dsn,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "JOULEPORT_SECRET_KEY": "known to every test",
        "JOULEPORT_TICKET_SECRET": "known to every test",
        "JOULEPORT_BLOB_KEY": BLOB_KEY,
        "JOULEPORT_CREDENTIAL_KEYS": BLOB_KEY,
        "JOULEPORT_HOME": str(tmp_path),
    }
    try:
        ended = subprocess.run(
            [sys.executable, "manage.py", "ledger", *action],
            cwd=REPOSITORY,
            env=environment,
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    finally:
        os.close(writer)

    assert (ended.returncode, ended.stderr.decode()) == (141, "")

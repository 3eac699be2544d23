"""hledger recomputes our exported ledger, every balance of it, and would notice a billionth."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command

from tests.billing import books
from tests.databases import Database

pytestmark = pytest.mark.judge

CHECKS = ("check", "--strict", "balancednoautoconversion", "ordereddates")


@pytest.fixture
def journal(db: Database, tmp_path: Path) -> Path:
    """The exported ledger of an exchange where everything has happened once."""
    books.fill(db)
    with psycopg.connect(db.dsn, autocommit=True) as app:
        app.execute("SELECT post_charges_v1(5000)")
    path = tmp_path / "ledger.journal"
    call_command("ledger", "export", "--format", "hledger", "--output", str(path))
    return path


def check(hledger: str, journal: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([hledger, "-f", journal, *CHECKS], capture_output=True, text=True)


def test_hledger_accepts_the_ledger(judge: Callable[[str], str], journal: Path) -> None:
    result = check(judge("hledger"), journal)

    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ('liability:wallet:1:USD  -100.000000000 "USD"', 'liability:wallet:1:USD  -100.000000001 "USD"'),
        ('= -90.000000000 "USD"', '= -90.000000001 "USD"'),
        ("account liability:wallet:1:USD\n", ""),
        ('commodity 1000.000000000 "CNY"\n', ""),
    ],
)
def test_hledger_refuses_a_ledger_that_is_off_by_a_billionth(
    judge: Callable[[str], str], journal: Path, said: str, instead: str
) -> None:
    hledger = judge("hledger")
    text = journal.read_text(encoding="utf-8")
    assert said in text
    journal.write_text(text.replace(said, instead, 1), encoding="utf-8")

    assert check(hledger, journal).returncode != 0

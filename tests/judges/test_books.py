"""Two programs by others recompute a year of business, and come to the balances that we came to."""

import csv
import io
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command

from billing import beancount, trial_balance, verification
from config.embedded.postgres import Cluster
from tests import databases
from tests.judges import business

pytestmark = pytest.mark.judge

Judge = Callable[[str], str]
Balances = dict[tuple[str, str], Decimal]

HLEDGER_CHECKS = ("check", "--strict", "balancednoautoconversion", "ordereddates")
SEED = 20250101


@dataclass(frozen=True, slots=True)
class Year:
    """The year's books in both languages, and what we say of them ourselves."""

    hledger: Path
    beancount: Path
    balances: Balances
    findings: list[verification.Finding]
    entries: int


@pytest.fixture(scope="module")
def year(
    cluster: Cluster, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Year]:
    """A year of business, exported."""
    folder = tmp_path_factory.mktemp("year")
    with databases.Desk(cluster).lend() as db:
        business.run_year(db, seed=SEED)
        paths = {}
        for style in ("hledger", "beancount"):
            paths[style] = folder / f"ledger.{style}"
            call_command("ledger", "export", "--format", style, "--output", str(paths[style]))
        balances = {
            (line.account, one.currency): line.debit - line.credit
            for one in trial_balance.read_trial_balances()
            for line in one.lines
        }
        findings = verification.verify()
        with db.connect() as connection:
            row = connection.execute("SELECT count(*) FROM entry").fetchone()
        assert row is not None
        yield Year(paths["hledger"], paths["beancount"], balances, findings, row[0])


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(one) for one in arguments], capture_output=True, text=True, timeout=60)


def check_hledger(program: str, journal: Path) -> bool:
    done = run(program, "-f", journal, *HLEDGER_CHECKS)
    return (done.returncode, done.stderr) == (0, "")


def check_beancount(program: str, journal: Path) -> bool:
    done = run(program, "--no-cache", journal)
    return (done.returncode, done.stdout + done.stderr) == (0, "")


CHECKS = {"hledger": check_hledger, "beancount": check_beancount}
PROGRAMS = {"hledger": "hledger", "beancount": "bean-check"}


@pytest.mark.timeout(180)
def test_the_year_has_everything_in_it(year: Year) -> None:
    text = year.beancount.read_text(encoding="utf-8")

    assert year.findings == []
    assert year.entries > 3000
    kinds = ("TOPUP", "REFUND", "CHARGE", "REVERSAL", "EXCHANGE", "SLA_CREDIT", "PAYOUT")
    assert all(f'* "{kind}"' in text for kind in kinds)
    assert {currency for _, currency in year.balances} == set(business.PRICES)
    days = {line[:10] for line in text.splitlines() if line[:3] == "202"}
    assert len(days) >= business.DAYS


@pytest.mark.timeout(180)
@pytest.mark.parametrize("style", PROGRAMS)
def test_both_judges_accept_the_year(judge: Judge, year: Year, style: str) -> None:
    program = judge(PROGRAMS[style])

    assert CHECKS[style](program, getattr(year, style))


@pytest.mark.timeout(180)
def test_hledger_comes_to_our_balances(judge: Judge, year: Year) -> None:
    done = run(
        *(judge("hledger"), "-f", year.hledger, "bal", "--flat", "--empty", "--no-total"),
        *("--layout", "bare", "-O", "csv"),
    )

    _, *rows = csv.reader(io.StringIO(done.stdout))
    found = {(code, currency.strip('"')): Decimal(amount) for code, currency, amount in rows if currency}
    assert nonzero(found) == nonzero(year.balances)


@pytest.mark.timeout(180)
def test_beancount_comes_to_our_balances(judge: Judge, year: Year) -> None:
    query = "SELECT account, currency, sum(number) GROUP BY account, currency"
    done = run(judge("bean-query"), "--numberify", "-f", "csv", year.beancount, query)

    _, *rows = csv.reader(io.StringIO(done.stdout))
    found = {(account.strip(), currency.strip()): Decimal(amount) for account, currency, amount in rows}
    ours = {
        (beancount.name_account(code), currency): sum_ for (code, currency), sum_ in year.balances.items()
    }
    assert {key: amount for key, amount in found.items() if amount} == nonzero(ours)


def nonzero(balances: Balances) -> Balances:
    return {key: amount for key, amount in balances.items() if amount}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("style", PROGRAMS)
@pytest.mark.parametrize("where", ["an amount", "a balance", "an account"])
def test_neither_judge_accepts_a_corrupted_line(
    judge: Judge, year: Year, tmp_path: Path, style: str, where: str
) -> None:
    program = judge(PROGRAMS[style])
    lines = getattr(year, style).read_text(encoding="utf-8").splitlines(keepends=True)
    number = find_line(lines, style, where)
    lines[number] = (
        "" if where == "an account" else add_a_billionth(lines[number], at_end=where == "a balance")
    )
    corrupted = tmp_path / "ledger"
    corrupted.write_text("".join(lines), encoding="utf-8")

    assert not CHECKS[style](program, corrupted)


def find_line(lines: list[str], style: str, where: str) -> int:
    """The first account, an amount in the middle, the last balance that is not zero."""
    if where == "an account":
        mark = "account " if style == "hledger" else "1970-01-01 open "
        used = "asset:clearing_bank:USD" if style == "hledger" else "Assets:Clearing-Bank:USD"
        return next(n for n, line in enumerate(lines) if line.startswith(f"{mark}{used}"))
    if where == "an amount":
        half = len(lines) // 2
        indent = "    " if style == "hledger" else "  "
        return next(
            n
            for n in range(half, len(lines))
            if lines[n].startswith(indent) and ("iability:" in lines[n] or "iabilities:" in lines[n])
        )
    mark = " = " if style == "hledger" else " balance "
    return max(n for n, line in enumerate(lines) if mark in line and ":" in line)


def add_a_billionth(line: str, *, at_end: bool) -> str:
    """The same line with its (last) amount one billionth greater."""
    words = line.rstrip("\n").split(" ")
    numbers = [n for n, word in enumerate(words) if word.count(".") == 1 and word[-9:].isdecimal()]
    place = numbers[-1] if at_end else numbers[0]
    words[place] = f"{Decimal(words[place]) + Decimal('0.000000001'):.9f}"
    return " ".join(words) + "\n"

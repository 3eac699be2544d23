"""Closed periods refuse postings; balances of the past are those that a recount finds."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from accounts.audit import Actor
from billing import approvals, ledger
from billing.closing import balances, periods
from billing.models import AccountingPeriod, Entry
from tests.api.conftest import make_operator
from tests.billing import exchange
from tests.billing.exchange import Buyer, Seller, fetch, fetch_value

pytestmark = pytest.mark.sql

DAY = date(2026, 6, 1)
LATER = datetime(2026, 6, 9, 10, tzinfo=UTC)
RIGHTS = ("billing.view_approval", "billing.change_approval")


@pytest.fixture
def ann(app: psycopg.Connection[Any]) -> Actor:
    """An operator who prepares."""
    return Actor.from_user(make_operator(*RIGHTS, name="ann"))


@pytest.fixture
def bob(app: psycopg.Connection[Any]) -> Actor:
    """Another who approves."""
    return Actor.from_user(make_operator(*RIGHTS, name="bob"))


def approve(ann: Actor, bob: Actor, day: date = DAY) -> None:
    asked = periods.prepare(ends_on=day, actor=ann, now=LATER).approval
    approvals.approve(approval=asked, sha256=asked.sha256, actor=bob, now=LATER)


def close(ann: Actor, bob: Actor, day: date = DAY) -> AccountingPeriod:
    approve(ann, bob, day)
    return periods.close(ends_on=day, actor=ann, now=LATER)


def test_what_comes_late_is_booked_in_the_open_period_with_its_effective_date(
    app: psycopg.Connection[Any], lab: Buyer, ann: Actor, bob: Actor
) -> None:
    period = close(ann, bob)
    before = balances.read_day(day=DAY)

    late = exchange.top_up(app, lab, "5")

    entry = Entry.objects.get(pk=late)
    assert (period.starts_on, period.ends_on) == (DAY, DAY)
    assert entry.happened_at.date() == DAY
    assert entry.booked_on is not None
    assert entry.booked_on > DAY
    ledger.sequence_entries()
    assert balances.read_day(day=DAY) == before == balances.read_closing(period_id=period.pk)


def test_a_period_is_closed_by_two_people_over_the_same_balances(
    app: psycopg.Connection[Any], lab: Buyer, ann: Actor, bob: Actor
) -> None:
    with pytest.raises(approvals.ApprovalMissing):
        periods.close(ends_on=DAY, actor=ann, now=LATER)
    approve(ann, bob)
    exchange.top_up(app, lab, "0.000000001")
    with pytest.raises(approvals.ContentChanged):
        periods.close(ends_on=DAY, actor=ann, now=LATER)

    period = close(ann, bob)

    assert periods.close(ends_on=DAY, actor=bob, now=LATER) == period
    with pytest.raises(periods.PeriodClosed):
        periods.prepare(ends_on=DAY, actor=ann, now=LATER)


def test_the_books_of_today_stay_open(app: psycopg.Connection[Any], lab: Buyer, ann: Actor) -> None:
    with pytest.raises(periods.PeriodNotOver):
        periods.prepare(ends_on=LATER.date(), actor=ann, now=LATER)
    with pytest.raises(periods.NothingBooked):
        periods.prepare(ends_on=date(2001, 1, 1), actor=ann, now=LATER)


def test_usage_of_a_closed_day_is_charged_all_the_same(
    app: psycopg.Connection[Any],
    owner: psycopg.Connection[Any],
    lab: Buyer,
    farm: Seller,
    ann: Actor,
    bob: Actor,
) -> None:
    usage = exchange.record(app, exchange.admit(app, lab, farm).attempt_id)["usage_id"]
    owner.execute("ALTER TABLE charge DISABLE TRIGGER USER")
    owner.execute("UPDATE charge SET rated_at = '2026-06-01 13:00Z' WHERE usage_id = %s", [usage])
    owner.execute("ALTER TABLE charge ENABLE TRIGGER USER")
    close(ann, bob)

    exchange.post_charges(app)

    [entry] = fetch(app, "SELECT * FROM entry WHERE kind = 'CHARGE'")
    assert (entry["happened_at"].date(), entry["booked_on"] > DAY) == (DAY, True)


def test_balances_of_any_moment_are_what_a_recount_finds(app: psycopg.Connection[Any], lab: Buyer) -> None:
    lot = random.Random(7)
    bank = exchange.account(app, "CLEARING_BANK")
    for number in range(40):
        amount = Decimal(lot.randrange(1, 10**9)).scaleb(-6)
        exchange.post(app, [bank, lab.account_id], [amount, -amount])
        if number % 3 == 0:
            ledger.sequence_entries()
            balances.keep_checkpoints(every=lot.choice([2, 5]))
    ledger.sequence_entries()
    moments = [row["recorded_at"] for row in fetch(app, "SELECT recorded_at FROM entry ORDER BY id")]

    assert fetch_value(app, "SELECT count(*) FROM balance_checkpoint") > 4
    for moment in [moments[0] - timedelta(days=1), *moments, moments[-1] + timedelta(days=1)]:
        recount = fetch(
            app,
            "SELECT a.code, sum(p.amount) AS amount FROM posting p JOIN entry e ON e.id = p.entry_id"
            " JOIN ledger_account a ON a.id = p.account_id WHERE e.recorded_at <= %s"
            " GROUP BY a.code ORDER BY a.code",
            moment,
        )
        found = [(line.account, line.amount) for line in balances.read_moment(moment=moment)]
        assert found == [(row["code"], row["amount"]) for row in recount]


def test_the_command_tells_a_trial_balance_of_the_past(
    app: psycopg.Connection[Any], lab: Buyer, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.sequence_entries()

    call_command("ledger", "trial-balance", "--at", "2020-01-01")
    call_command("ledger", "trial-balance", "--day", DAY.isoformat())

    nothing, day = capsys.readouterr().out.split("yet.")
    assert nothing.startswith("Nothing")
    assert "10.000000000" in day

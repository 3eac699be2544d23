"""What a settlement counts: charges in gross and fee, whose turn it is, other units, other methods."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from accounts.audit import SYSTEM
from accounts.models import Organization
from billing.compliance.standing import Standing
from billing.models import PayoutMethod, PayoutStep
from billing.rails import methods
from billing.settlement import advice, batches, gates, payouts, sending, terms
from billing.settlement.terms import Every, Terms
from tests.billing import exchange
from tests.cast import NOW
from tests.databases import Database
from tests.settlement import settling
from tests.settlement.settling import Desk, earn, find_item, find_payout, read

MONDAY = datetime(2026, 6, 1, 9, tzinfo=UTC)
"""The first of a month as well."""


@pytest.fixture
def crew(db: Database) -> Desk:
    """Two operators."""
    return settling.make_desk()


def sell(db: Database, *, out: tuple[int, ...]) -> Organization:
    """A farm that sold so many tokens at 0.002 dollars, five per cent of it the platform's."""
    with db.connect() as app:
        buyer, seller = exchange.make_buyer(app, "Lab", funds="50"), exchange.make_seller(app, "Farm")
        for tokens in out:
            admitted = exchange.admit(app, buyer, seller)
            exchange.record(app, admitted.attempt_id, out=tokens, method="tokenizer", tokens_in=0)
        exchange.post_charges(app)
    return Organization.objects.get(pk=seller.organization_id)


def test_charges_are_told_in_gross_fee_and_overrun_and_listed_one_by_one(db: Database, crew: Desk) -> None:
    farm = sell(db, out=(900, 500, 1500))

    item = find_item(crew.settle(), farm)
    rows = advice.list_rows(item=item)
    lines = {line.kind: (line.count, line.amount) for line in item.lines.all()}

    # Of the last, 1000 tokens were held for; the platform pays what its own count allowed beyond.
    assert item.charges == len(rows) == 3
    assert lines["CHARGE"] == (3, sum((row.amount for row in rows), Decimal(0)))
    assert lines["CHARGE_FEE"] == (3, -sum((row.fee for row in rows), Decimal(0)))
    assert lines["OVERRUN"][1] == sum((row.overrun for row in rows), Decimal(0)) > 0
    assert item.balance == sum((row.net for row in rows), Decimal(0)) == sum(one for _, one in lines.values())
    assert list(advice.walk_rows(item=item)) == rows
    assert advice.list_rows(item=item, after=(rows[0].number, rows[0].usage_id or 0)) == rows[1:]
    assert len(list(advice.write_csv(item=item))) == 1 + 1 + 3 + 2


def test_a_provider_is_settled_once_in_its_day_week_or_month(
    crew: Desk, farm: Organization, lab: Organization, fund: Organization
) -> None:
    for provider, every in ((lab, Every.DAILY), (fund, Every.WEEKLY)):
        earn(provider, "1")
        terms.choose_schedule(organization=provider, every=every, actor=SYSTEM, now=NOW)
    earn(farm, "1")

    def due(every: Every, now: datetime) -> set[int]:
        return set(batches.list_due(every=every, currency="USD", entity="HK", now=now))

    assert due(Every.DAILY, MONDAY) == {lab.pk}
    assert due(Every.WEEKLY, MONDAY) == {lab.pk, fund.pk}
    assert due(Every.MONTHLY, MONDAY) == {lab.pk, fund.pk, farm.pk}
    crew.settle(MONDAY)
    assert due(Every.MONTHLY, MONDAY + timedelta(hours=1)) == set()
    assert due(Every.MONTHLY, MONDAY + timedelta(days=1)) == {lab.pk}
    assert due(Every.MONTHLY, MONDAY + timedelta(days=7)) == {lab.pk, fund.pk}
    assert due(Every.MONTHLY, MONDAY + timedelta(days=31)) == {lab.pk, fund.pk, farm.pk}


def test_only_who_is_due_is_in_the_batch(crew: Desk, farm: Organization, lab: Organization) -> None:
    earn(farm, "3")
    earn(lab, "4")
    terms.choose_schedule(organization=lab, every=Every.DAILY, actor=SYSTEM, now=NOW)

    batch = batches.draft(
        currency="USD", every=Every.DAILY, entity="HK", ask=crew.ask, actor=crew.ann, now=MONDAY
    )

    assert (batch.period, [item.organization for item in batch.items.all()]) == ("2026-06-01", [lab])


def test_a_debt_is_set_off_against_what_was_kept_back(crew: Desk, farm: Organization) -> None:
    terms.change_terms(terms=Terms("USD", held_days=30), actor=SYSTEM, now=NOW)
    earn(farm, "8")
    crew.settle()
    earn(farm, "-3")

    item = find_item(crew.settle(), farm)

    assert (item.balance, item.released, item.carried) == (Decimal(-3), Decimal(3), Decimal(0))
    assert (read("PAYABLE", farm), read("HELD_EARNINGS", farm)) == (Decimal(0), Decimal(5))


@pytest.mark.parametrize(
    ("currency", "unit"), [("USD", "0.01"), ("JPY", "1"), ("HUF", "1"), ("USDC", "0.000001")]
)
def test_each_currency_is_paid_in_its_unit(db: Database, currency: str, unit: str) -> None:
    with db.connect() as app:
        assert exchange.fetch_value(app, "SELECT payout_unit(%s)", currency) == Decimal(unit)


def add_method(db: Database, farm: Organization, name: str) -> PayoutMethod:
    """A method by hand that may be paid."""
    added = methods.add_method(
        organization=farm,
        rail="manual",
        currency="USD",
        country="SE",
        details={"name": name, "instructions": "by courier"},
        actor=SYSTEM,
        now=NOW,
    )
    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        owner.execute(
            "UPDATE payout_method SET state = 'READY', verified_at = now() WHERE id = %s", [added.pk]
        )
    return PayoutMethod.objects.get(pk=added.pk)


def allow(monkeypatch: pytest.MonkeyPatch, *barred: Organization) -> None:
    """Let everybody pass its checks but these, with a tax of seven per cent."""
    names = {one.pk for one in barred}

    def stand(*, organization_ids: Sequence[int], now: datetime) -> dict[int, Standing]:
        return {one: Standing(one not in names, True, (), 700) for one in organization_ids}

    monkeypatch.setattr(gates, "find_standings", stand)


def test_a_payout_whose_method_is_blocked_goes_by_the_next(
    db: Database, crew: Desk, farm: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch)
    earn(farm, "5")
    first, second = (add_method(db, farm, name) for name in ("first", "second"))
    later = NOW + timedelta(days=4)
    gate = gates.ask({farm.pk: Decimal(5)}, "USD", later)
    crew.said[farm.pk] = gate[0]
    crew.settle(later)
    assert find_payout(farm).method_id == first.pk

    methods.block_method(method=first, reason="closed", actor=SYSTEM, now=later)
    moved = sending.reroute_blocked(actor=SYSTEM, now=later)
    payout = find_payout(farm)
    methods.block_method(method=second, reason="closed too", actor=SYSTEM, now=later)
    last = sending.reroute_blocked(actor=SYSTEM, now=later)

    assert (moved, payout.method_id, payout.state) == (1, second.pk, "PLANNED")
    assert (last, find_payout(farm).state) == (0, "FAILED")
    assert (gate[0].withholding_bps, read("PAYABLE", farm)) == (700, Decimal(5))
    assert PayoutStep.objects.filter(payout=payout).count() == 3
    assert gates.ask({farm.pk: Decimal(5)}, "USD", later)[0].refusal == "NO_METHOD"


def test_who_may_not_be_paid_any_more_is_sent_nothing(
    db: Database, crew: Desk, farm: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch)
    earn(farm, "5")
    add_method(db, farm, "first")
    later = NOW + timedelta(days=4)
    monkeypatch.setattr(crew, "ask", gates.ask)
    crew.settle(later)
    allow(monkeypatch, farm)

    sending.reroute_blocked(actor=SYSTEM, now=later)

    assert find_payout(farm).state == "FAILED"
    assert (read("PAYABLE", farm), read("WITHHOLDING_TAX")) == (Decimal(5), Decimal(0))
    assert find_item(crew.draft(later), farm).refusal == "NOT_ALLOWED"


def test_a_reference_belongs_to_one_payout(crew: Desk, farm: Organization, lab: Organization) -> None:
    earn(farm, "5")
    earn(lab, "6")
    crew.settle()
    seen = {"happened_at": NOW, "now": NOW}
    payouts.mark_sent(payout_uid=find_payout(farm).uid, external_id="E1", actor=SYSTEM, **seen)

    with pytest.raises(payouts.OtherReference):
        payouts.mark_sent(payout_uid=find_payout(lab).uid, external_id="E1", actor=SYSTEM, **seen)

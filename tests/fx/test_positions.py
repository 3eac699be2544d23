"""Positions: what they cost, gain and are worth; equal to a plain model, and within limits."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import ledger, verification
from billing.closing import periods
from billing.closing.periods import NotRevalued
from billing.fx import positions, quotes, treasury
from billing.fx.central_bank import RateUnknown
from billing.fx.refusals import LineExceeded, NotInTime, PositionFull
from billing.fx.treasury import InvalidTrade, Trade
from billing.models import Entry, FxLeg, FxPosition, FxRevaluation, LedgerAccount, SwapLine
from core.money import Money, round_amount
from core.quantities import EXACT
from tests.api.conftest import make_operator
from tests.cast import NOW
from tests.fx import exchanging as ex

LATER = datetime(2026, 6, 1, 3, tzinfo=UTC)


def follow() -> dict[str, tuple[Any, Any]]:
    """Number entries, tell positions, and do so again for the gains; what is held, and what it cost."""
    for _ in range(2):
        ex.number_entries()
        positions.follow_ledger()
    return {
        row.account.currency: (row.amount, row.book_value)
        for row in FxPosition.objects.select_related("account")
    }


def balance(purpose: str, currency: str = "USD") -> Decimal:
    account = LedgerAccount.objects.filter(purpose=purpose, currency=currency).first()
    return ledger.balance(account_id=account.pk) if account else Decimal(0)


def trade(sold: str, bought: str, reference: str, now: datetime = NOW) -> ledger.Posted:
    (a, x), (b, y) = sold.split(), bought.split()
    done = Trade(Money(Decimal(a), x), Money(Decimal(b), y), reference)
    return treasury.book_trade(trade=done, actor=audit.SYSTEM, happened_at=now, now=now)


def test_closing_a_position_gains_what_it_brings_beyond_its_cost(lab: Organization) -> None:
    ex.say("USD", "CNH", "8")
    treasury.set_spread(base="CNH", quote="USD", spread_bps=0, actor=audit.SYSTEM, now=NOW)
    ex.pay_in(lab, "160", "CNH")
    ex.convert(lab, "CNH", "USD", "160")
    opened = follow()
    trade("80 CNH", "11 USD", "T1")
    again = trade("80 CNH", "11 USD", "T1")
    half = follow()
    trade("80 CNH", "9.5 USD", "T2")
    closed = follow()

    assert opened == {"CNH": (160, 20), "USD": (-20, -20)}
    assert half == {"CNH": (80, 10), "USD": (-10, -10)}
    assert closed == {"CNH": (0, 0), "USD": (0, 0)}
    assert not again.is_new
    assert balance("FX_GAIN") == Decimal("0.5")
    assert [leg.gain for leg in FxLeg.objects.exclude(gain=0).order_by("entry_id")] == [1, Decimal("-0.5")]
    assert verification.verify() == []


def test_an_exchange_without_dollars_is_worth_the_rate_of_what_came_in(lab: Organization) -> None:
    ex.say("EUR", "USD", "1.2")
    ex.say("EUR", "JPY", "150")
    treasury.set_spread(base="JPY", quote="EUR", spread_bps=0, actor=audit.SYSTEM, now=NOW)
    ex.pay_in(lab, "15000", "JPY")

    ex.convert(lab, "JPY", "EUR", "15000")

    assert follow() == {"JPY": (15000, 120), "EUR": (-100, -120)}


def test_a_position_that_nobody_can_value_waits(lab: Organization) -> None:
    trade("100 CNH", "14 EUR", "T1")
    ex.number_entries()

    with pytest.raises(RateUnknown):
        positions.follow_ledger()
    ex.say("EUR", "USD", "1.1")

    assert follow() == {"EUR": (14, Decimal("15.4")), "CNH": (-100, Decimal("-15.4"))}


def test_a_day_is_revalued_once_and_undone_on_the_next(lab: Organization) -> None:
    day = date(2026, 5, 31)
    ex.say("USD", "CNH", "8")
    trade("10 USD", "80 CNH", "T1")
    ex.say("USD", "CNH", "5", as_of=LATER - timedelta(hours=5))
    follow()
    trade("40 CNH", "9 USD", "T2", LATER)
    follow()

    with pytest.raises(NotInTime):
        positions.revalue(day=LATER.date(), now=LATER)
    told = (positions.revalue(day=day, now=LATER), positions.revalue(day=day, now=LATER))
    follow()
    row: Any = FxRevaluation.objects.get()

    assert told == (1, 0)
    assert (row.amount, row.book_value, row.value) == (80, 10, 16)
    entries = Entry.objects.filter(kind__in=("FX_REVALUATION", "REVERSAL")).order_by("id")
    assert [(e.happened_at.date(), e.reverses_id is None) for e in entries] == [
        (day, True),
        (LATER.date(), False),
    ]
    assert balance("FX_REVALUATION") == 0
    assert entries[0].postings.get(account__purpose="FX_REVALUATION").amount == -6
    assert verification.verify() == []


def test_a_period_is_not_closed_over_positions_that_nobody_revalued(lab: Organization) -> None:
    ann = Actor.from_user(make_operator("billing.view_approval", name="ann"))
    ex.say("USD", "CNH", "8")
    trade("10 USD", "80 CNH", "T1")
    day = NOW.date()

    with pytest.raises(NotRevalued):
        periods.prepare(ends_on=day, actor=ann, now=LATER)
    positions.revalue(day=day, now=LATER)

    assert periods.prepare(ends_on=day, actor=ann, now=LATER).approval.state == "PENDING"


def test_the_exposure_says_what_positions_are_worth_and_whether_they_are_within_limits(
    lab: Organization,
) -> None:
    ex.say("USD", "CNH", "8")
    trade("10 USD", "80 CNH", "T1")
    ex.say("USD", "CNH", "5", as_of=NOW)
    trade("1 EUR", "1 USD", "T2")
    positions.set_limit(currency="CNH", amount=Decimal(70), actor=audit.SYSTEM, now=NOW)
    follow()

    found: dict[str, Any] = {one.currency: one for one in positions.read_exposure(now=NOW)}

    assert (found["CNH"].value, found["CNH"].unrealised, found["CNH"].is_beyond) == (16, 6, True)
    assert (found["USD"].value, found["USD"].unrealised) == (-9, 0)
    assert (found["EUR"].value, found["EUR"].unrealised, found["EUR"].limit) == (None, None, None)


def test_an_exchange_beyond_the_limit_is_refused_and_one_back_is_not(lab: Organization) -> None:
    ex.say("USD", "CNH", "8")
    ex.pay_in(lab, "100", "USD")
    ex.pay_in(lab, "1000", "CNH")
    positions.set_limit(currency="CNH", amount=Decimal(100), actor=audit.SYSTEM, now=NOW)

    ex.convert(lab, "USD", "CNH", "12")
    with pytest.raises(PositionFull):
        ex.convert(lab, "USD", "CNH", "12")
    positions.set_limit(currency="CNH", amount=Decimal(10), actor=audit.SYSTEM, now=NOW)
    with pytest.raises(PositionFull):
        ex.convert(lab, "USD", "CNH", "0.1")
    made = quotes.refresh_standing(prices=["USD", "CNH"], now=NOW)
    ex.convert(lab, "CNH", "USD", "80")

    assert made == 1
    assert [(one.base, one.quote) for one in quotes.list_standing(now=NOW)] == [("CNH", "USD")]
    positions.set_limit(currency="CNH", amount=None, actor=audit.SYSTEM, now=NOW)
    ex.convert(lab, "USD", "CNH", "12")


def test_a_swap_line_gives_up_to_its_limit_and_is_paid_back(lab: Organization) -> None:
    line = treasury.open_line(
        counterparty="Bank", ceiling=Money(Decimal(1000), "CNH"), actor=audit.SYSTEM, now=NOW
    )

    def move(amount: int, reference: str) -> ledger.Posted:
        return treasury.move_line(
            line=line,
            amount=Decimal(amount),
            reference=reference,
            actor=audit.SYSTEM,
            happened_at=NOW,
            now=NOW,
        )

    first, again = move(800, "D1"), move(800, "D1")
    for amount, reference in ((201, "D2"), (-801, "D3")):
        with pytest.raises(LineExceeded):
            move(amount, reference)
    with pytest.raises(ledger.KeyReused):
        move(700, "D1")
    with pytest.raises(LineExceeded):
        treasury.change_line(line=line, ceiling=None, actor=audit.SYSTEM, now=NOW)
    owed: Any = balance("SWAP_LINE", "CNH")
    move(-800, "D4")
    closed = treasury.change_line(line=line, ceiling=None, actor=audit.SYSTEM, now=NOW)
    with pytest.raises(LineExceeded):
        move(1, "D5")

    assert (first.is_new, again.is_new, owed) == (True, False, 800)
    assert closed.closed_at == NOW
    assert SwapLine.objects.get().drawn == 0
    assert verification.verify() == []


@pytest.mark.parametrize(("sold", "bought"), [("1 USD", "1 USD"), ("0 USD", "1 CNH")])
def test_a_trade_is_of_two_currencies(lab: Organization, sold: str, bought: str) -> None:
    with pytest.raises(InvalidTrade):
        trade(sold, bought, "T1")


AMOUNTS = st.decimals("0.000001", "500", places=6)
MOVES = st.tuples(st.sampled_from(["CNH", "EUR", "JPY"]), st.booleans(), AMOUNTS, AMOUNTS)
RATES = {"CNH": Decimal("0.14"), "EUR": Decimal("1.1"), "JPY": Decimal("0.0066")}


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(moves=st.lists(MOVES, min_size=2, max_size=12), crosses=st.lists(AMOUNTS, max_size=2))
def test_positions_are_what_a_plain_model_says(
    lab: Organization, moves: list[tuple[str, bool, Decimal, Decimal]], crosses: list[Decimal]
) -> None:
    paper = ex.Paper()
    before, gained = follow(), balance("FX_GAIN")
    for currency, (amount, cost) in before.items():
        paper.held[currency] = ex.Held(amount, cost)
    first = Entry.objects.count()
    if not before:
        for unit, rate in RATES.items():
            ex.say(unit, "USD", str(rate))
    for number, (currency, buys, amount, dollars) in enumerate(moves, first):
        ours, theirs = (currency, amount), ("USD", dollars)
        came, went = (ours, theirs) if buys else (theirs, ours)
        trade(f"{went[1]} {went[0]}", f"{came[1]} {came[0]}", f"M{number}")
        paper.exchange(came, went, dollars)
    for number, amount in enumerate(crosses, first):
        trade(f"{amount} EUR", f"{amount} JPY", f"X{number}")
        paper.exchange(("JPY", amount), ("EUR", amount), round_amount(EXACT.multiply(amount, RATES["JPY"])))
    found = follow()

    told = {code: (one.amount, one.cost) for code, one in paper.held.items() if code != "USD"}
    assert {code: found[code] for code in told} == told
    assert balance("FX_GAIN") - gained == paper.gained
    assert sum(book for _, book in found.values()) == 0
    assert found["USD"][0] == -sum(book for code, (_, book) in found.items() if code != "USD")
    numbers = list(FxLeg.objects.order_by("entry_id").values_list("entry_id", flat=True))
    assert all(a <= b for a, b in pairwise(numbers))

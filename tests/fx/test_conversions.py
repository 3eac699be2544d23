"""Rates, quotes and conversions between wallets: never invented, never for nothing."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts import audit
from accounts.models import AuditEvent, Organization
from billing import ledger
from billing.fx import central_bank, conversions, quotes, rates, sources, tasks, treasury
from billing.fx.central_bank import RateUnknown
from billing.fx.quotes import SameCurrency
from billing.fx.rates import InvalidRate, RateRepeated
from billing.fx.refusals import AmountTooSmall, QuoteExpired, QuoteUnknown, QuoteUsed, RateStale
from billing.fx.sources import Said
from billing.models import Entry, FxConversion, FxQuote, FxRate
from core.quantities import ROUNDING, round_half_even
from tests.cast import NOW
from tests.fx import exchanging as ex

DAY = timedelta(days=1)
FRIDAY = date(2026, 5, 1)
ANSWER = b"""KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE
EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,A,2026-04-30,1.1
EXR.D.XYZ.EUR.SP00.A,D,XYZ,EUR,SP00,A,2026-04-30,7
EXR.D.CNY.EUR.SP00.A,D,CNY,EUR,SP00,A,2026-04-30,NaN
EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,A,2026-05-04,1.2
"""


def note(*said: Said, source: str = "BANK") -> None:
    FxRate.objects.bulk_create(
        FxRate(
            source=source,
            unit=one.unit,
            currency=one.currency,
            rate=one.rate,
            as_of=one.as_of,
            noted_at=max(NOW, one.as_of),
        )
        for one in said
    )


def said(unit: str, currency: str, rate: str, *, back: timedelta = DAY) -> Said:
    return Said(unit, currency, Decimal(rate), NOW - back)


def find(base: str, quote: str) -> Decimal:
    return rates.find_rate(base=base, quote=quote, at=NOW).rate


# --- rates --------------------------------------------------------------------------------------------------


def test_the_central_banks_rates_are_noted_once_with_their_moment(lab: Organization) -> None:
    heard = [sources.BankFile()]

    new = sources.note_rates(sources=heard, now=NOW)
    again = sources.note_rates(sources=heard, now=NOW)
    rate = rates.find_rate(base="USD", quote="CNY", at=NOW)
    bank = central_bank.find_rate(base="CNY", quote="USD", day=rate.as_of.date())

    assert (new > 100, again) == (True, 0)
    assert rate.rate == bank.rate
    assert (rate.source, rate.as_of, rate.last_known) == ("ECB", datetime(2026, 4, 30, 14, tzinfo=UTC), True)
    with pytest.raises(RateUnknown):
        rates.find_rate(base="USD", quote="CNH", at=NOW)


def test_days_without_a_rate_have_the_one_before() -> None:
    rate = central_bank.find_rate(base="EUR", quote="USD", day=FRIDAY)

    assert (rate.day, rate.last_known) == (FRIDAY - DAY, False)


def test_the_task_notes_what_the_file_says(lab: Organization) -> None:
    assert tasks.note_rates() > 100
    assert tasks.note_rates() == 0


def test_the_banks_own_answer_is_read(lab: Organization) -> None:
    asked: list[str] = []

    def answer(url: str) -> bytes:
        asked.append(url)
        return ANSWER

    new = sources.note_rates(sources=[sources.BankFeed(call=answer)], now=NOW)

    assert new == 1
    assert "startPeriod=2026-04-20" in asked[0]
    assert find("USD", "EUR") == Decimal("1.1")


def test_a_source_that_talks_nonsense_is_complained_of(lab: Organization, caplog: Any) -> None:
    broken = sources.BankFeed(call=lambda _: b"TIME_PERIOD,OBS_VALUE\nsoon,1")

    assert sources.note_rates(sources=[broken, sources.BankFile()], now=NOW) > 100
    assert "The source ECB told no rates" in caplog.text


def test_rates_cross_only_if_one_source_said_both_on_one_day(lab: Organization) -> None:
    note(said("EUR", "USD", "1.1"), said("EUR", "CNY", "7.7"))
    note(said("EUR", "JPY", "160", back=2 * DAY))
    note(said("EUR", "HKD", "8.8"), source="OTHER")

    assert find("CNY", "USD") == 7
    assert find("USD", "CNY") == round_half_even(ROUNDING.divide(Decimal(1), Decimal(7)), 18)
    for stranger in ("JPY", "HKD", "CNH"):
        with pytest.raises(RateUnknown):
            find("USD", stranger)


def test_the_newest_rate_counts_and_none_of_the_future(lab: Organization) -> None:
    note(
        said("USD", "CNH", "7.1", back=2 * DAY),
        said("USD", "CNH", "7.2"),
        said("USD", "CNH", "7.3", back=-DAY / 2),
    )

    assert find("CNH", "USD") == Decimal("7.2")


@pytest.mark.parametrize(
    ("unit", "currency", "rate"),
    [("CNY", "CNH", "1"), ("CNH", "CNY", "1"), ("USD", "XTS", "1"), ("USD", "USD", "1"), ("USD", "CNH", "0")],
)
def test_nonsense_is_not_entered(lab: Organization, unit: str, currency: str, rate: str) -> None:
    with pytest.raises(InvalidRate):
        ex.say(unit, currency, rate)


def test_a_rate_is_entered_once_and_told_in_the_trail(lab: Organization) -> None:
    ex.say("USD", "CNH", "7.15")
    ex.say("USD", "CNH", "7.15")

    with pytest.raises(RateRepeated):
        ex.say("USD", "CNH", "7.16")
    assert AuditEvent.objects.filter(action="fx.rate").count() == 1


# --- quotes -------------------------------------------------------------------------------------------------


def test_a_quote_names_rate_source_spread_and_end(lab: Organization) -> None:
    ex.say("USD", "CNH", "8")
    treasury.set_spread(base="USD", quote="CNH", spread_bps=100, actor=audit.SYSTEM, now=NOW)

    made = ex.quote(lab, "USD", "CNH")

    assert (made.mid, made.spread_bps, made.rate) == (Decimal("0.125"), 100, Decimal("0.12625"))
    assert (made.source, made.rate_at) == ("OPERATOR", NOW - ex.HOUR)
    assert (made.made_at, made.expires_at) == (NOW, NOW + timedelta(seconds=120))


def test_a_stale_rate_is_not_quoted(lab: Organization) -> None:
    ex.say("USD", "CNH", "7.15", as_of=NOW - 6 * DAY)

    with pytest.raises(RateStale):
        ex.quote(lab, "USD", "CNH")


def test_what_has_no_rate_is_not_quoted(lab: Organization) -> None:
    ex.say("EUR", "CNH", "8")

    for sell, buy in (("USD", "CNH"), ("EUR", "CNH")):
        # Nobody says what a position in EUR or CNH would be worth in dollars.
        with pytest.raises(RateUnknown):
            ex.quote(lab, sell, buy)
    for sell, buy in (("USD", "USD"), ("XTS", "USD")):
        with pytest.raises(SameCurrency):
            ex.quote(lab, sell, buy)


def test_quotes_stand_for_every_wallet_and_price_and_are_renewed(lab: Organization) -> None:
    ex.say("USD", "CNH", "8")
    ex.pay_in(lab, "10", "USD")

    def refresh(now: datetime = NOW) -> int:
        return quotes.refresh_standing(prices=["CNH", "USD", "JPY", "XTS"], now=now)

    first = (refresh(), refresh())
    [standing] = quotes.list_standing(now=NOW)
    ex.say("USD", "CNH", "4", as_of=NOW)
    late = NOW + timedelta(seconds=1)
    renewed = refresh(late)
    [newer] = quotes.list_standing(now=late)

    assert (first, renewed) == ((1, 0), 1)
    assert (standing.base, standing.quote, standing.mid) == ("USD", "CNH", Decimal("0.125"))
    assert newer.mid == Decimal("0.25")
    assert quotes.list_standing(now=NOW + DAY) == []


# --- conversions --------------------------------------------------------------------------------------------


def test_a_conversion_goes_through_both_positions_and_the_spread_is_a_posting_of_its_own(
    lab: Organization,
) -> None:
    ex.say("USD", "CNH", "8")
    ex.pay_in(lab, "100", "USD")

    done = ex.convert(lab, "USD", "CNH", "10.05")

    lines = dict(done.entry.postings.values_list("account__code", "amount"))
    assert lines == {
        f"liability:wallet:{lab.pk}:USD": Decimal("10.05"),
        "asset:fx_position:USD": Decimal(-10),
        "income:fx_spread:USD": Decimal("-0.05"),
        "asset:fx_position:CNH": Decimal(80),
        f"liability:wallet:{lab.pk}:CNH": Decimal(-80),
    }
    assert (done.sold, done.bought) == (Decimal("10.05"), Decimal(80))
    assert ex.posted(lab, "CNH") == 80
    assert AuditEvent.objects.filter(action="fx.convert", organization=lab).count() == 1


def test_what_is_to_be_bought_is_bought_exactly(lab: Organization) -> None:
    ex.say("USD", "CNH", "7")
    ex.pay_in(lab, "100", "USD")

    done: Any = conversions.convert(
        quote=ex.quote(lab, "USD", "CNH"), organization=lab, buy=Decimal(1), actor=audit.SYSTEM, now=NOW
    )

    assert (done.bought, done.sold, done.mid_amount) == (1, Decimal("0.143571429"), Decimal("0.142857143"))


def test_a_quote_serves_its_organization_once_and_in_time(lab: Organization, fund: Organization) -> None:
    ex.say("USD", "CNH", "7")
    ex.pay_in(lab, "100", "USD")
    own = ex.quote(lab, "USD", "CNH")

    def use(by: Organization, sell: str, now: datetime = NOW) -> FxConversion:
        return conversions.convert(
            quote=own, organization=by, sell=Decimal(sell), actor=audit.SYSTEM, now=now
        )

    with pytest.raises(QuoteUnknown):
        use(fund, "1")
    with pytest.raises(QuoteExpired):
        use(lab, "1", own.expires_at)
    with pytest.raises(AmountTooSmall):
        use(lab, "0.000000000")
    with pytest.raises(ledger.InsufficientFunds):
        use(lab, "101")
    first, again = use(lab, "1"), use(lab, "1", own.expires_at)
    with pytest.raises(QuoteUsed):
        use(lab, "2")

    assert first == again
    assert Entry.objects.filter(kind="FX_CONVERSION").count() == 1


@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_there_and_back_never_makes_money(lab: Organization, data: st.DataObject) -> None:
    rate = data.draw(st.decimals("0.0001", "9000", places=6))
    amount = data.draw(st.decimals("0.000001", "1000", places=9))
    spread = data.draw(st.integers(0, 300))
    if not FxQuote.objects.exists():
        ex.pay_in(lab, "1000000", "USD")
    moment = NOW + timedelta(minutes=FxRate.objects.count() + 1)
    rates.enter_rate(unit="USD", currency="CNH", rate=rate, as_of=moment, actor=audit.SYSTEM, now=moment)
    for base, quote in (("USD", "CNH"), ("CNH", "USD")):
        treasury.set_spread(base=base, quote=quote, spread_bps=spread, actor=audit.SYSTEM, now=moment)
    try:
        there = ex.convert(lab, "USD", "CNH", amount, now=moment)
        back = ex.convert(lab, "CNH", "USD", there.bought, now=moment)
    except AmountTooSmall:
        return

    assert back.bought <= amount
    for one in (there, back):
        sums: dict[str, Decimal] = {}
        for leg in one.entry.postings.all():
            sums[leg.currency] = sums.get(leg.currency, Decimal(0)) + leg.amount
        assert set(sums.values()) == {0}
        assert one.mid_amount <= one.sold

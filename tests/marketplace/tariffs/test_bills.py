"""A month's bill, to the last digit."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.money import round_amount
from core.quantities import EXACT, format_plain
from marketplace.tariffs.bills import Bill, Month, bill_month
from marketplace.tariffs.documents import parse_tariff
from marketplace.tariffs.loads import Load, month_span
from marketplace.tariffs.refusals import FigureMissing, PriceUnknown, TariffInvalid
from marketplace.tariffs.series import PriceSeries, to_moment
from marketplace.tariffs.supplies import Direction, DrEvent
from marketplace.tariffs.tariff import Tariff
from tests.marketplace.tariffs.examples import ask, document, power, prices, site, tariff, utc


def month_load(what: Tariff, year: int, month: int, kw: Sequence[str], step: int = 15) -> Load:
    """A month in which these kilowatts come again and again, a step each."""
    start, end = month_span(what, year, month)
    steps = (end - start) // (60 * step)
    energy = [Decimal(kw[n % len(kw)]) * step / 60 for n in range(steps)]
    return Load(to_moment(start), step, tuple(energy))


def bill(
    what: Tariff,
    load: Load,
    *series: PriceSeries,
    known: Month | None = None,
    when: tuple[int, int] = (2026, 3),
    **figures: Any,
) -> Bill:
    return bill_month(
        tariff=what,
        site=site(what.currency, **figures),
        load=load,
        year=when[0],
        month=when[1],
        series={one.name: one for one in series},
        known=known,
    )


def amounts(found: Bill) -> Mapping[str, str]:
    return {line.component: line.amount.literal for line in found.lines}


def test_gansu_with_an_even_load() -> None:
    what = tariff("gansu")

    found = bill(what, month_load(what, 2026, 3, ["1000"]))

    # 31 days, 8 h each at 0.15, 0.45 and 0.30.
    assert amounts(found) == {"energy": "223200", "network": "72912", "demand": "35000"}
    assert str(found.total) == "331112 CNY"
    assert found.kwh == 744_000
    assert found.demands == {"demand": 1000}
    assert not found.forecast


def test_each_quarter_hour_counts_at_its_own_price() -> None:
    chance = random.Random(7)
    what = tariff("germany")
    start, end = month_span(what, 2026, 3)
    assert (end - start) // 3600 == 743  # the clock goes forward on the 29th
    steps = (end - start) // 900
    euros = [f"{chance.randint(-90, 300)}.{chance.randint(10, 99)}" for _ in range(steps)]
    series = prices("DE-LU", to_moment(start), 15, euros)
    energy = tuple(Decimal(chance.randint(0, 999_999)).scaleb(-3) for _ in range(steps))
    load = Load(to_moment(start), 15, energy)

    found = bill(what, load, series)

    sums: dict[str, Decimal] = {}
    for segment, kwh in zip(ask(what, to_moment(start), to_moment(end), series), load.kwh, strict=True):
        for name, price in segment.components.items():
            sums[name] = EXACT.add(sums.get(name, Decimal(0)), EXACT.multiply(price, kwh))
    assert {line.component: line.amount.amount for line in found.lines} == {
        name: round_amount(cost) for name, cost in sums.items()
    }
    assert found.total.amount == sum(line.amount.amount for line in found.lines)


def test_an_uneven_load_counts_window_by_window() -> None:
    chance = random.Random(8)
    what = tariff("guizhou")
    start, end = (to_moment(moment) for moment in month_span(what, 2026, 3))
    load = Load(start, 15, tuple(Decimal(chance.randint(0, 9999)).scaleb(-1) for _ in range(2976)))

    found = bill(what, load)

    windows = ask(what, start, end)
    sums = dict.fromkeys(windows[0].components, Decimal(0))
    for number, kwh in enumerate(load.kwh):
        for name, price in windows.at(start + number * timedelta(minutes=15)).components.items():
            sums[name] += price * kwh
    assert {name: amounts(found)[name] for name in sums} == {
        name: format_plain(cost) for name, cost in sums.items()
    }


def test_a_window_may_cut_a_metered_step() -> None:
    changed = document("gansu")
    changed["multipliers"] = [
        {"start": "00:00", "end": "09:07", "multiplier": "1"},
        {"start": "09:07", "end": "24:00", "multiplier": "2"},
    ]
    what = parse_tariff(changed)

    found = bill(what, month_load(what, 2026, 3, ["60"]))

    # A kilowatt-hour a minute: 547 minutes at 0.30 and 893 at 0.60, 31 times.
    assert amounts(found)["energy"] == "21696.9"


def test_virginia_bills_the_contract_where_little_is_used() -> None:
    what = tariff("virginia")
    load = month_load(what, 2027, 2, ["10000", "9000"], step=30)

    found = bill(what, load, when=(2027, 2), contract_kw=Decimal(30_000))
    ratcheted = bill(
        what,
        load,
        when=(2027, 2),
        contract_kw=Decimal(30_000),
        known=Month(earlier={"network-demand": [Decimal(30_000), *[Decimal(29_000)] * 11]}),
    )

    lines = {line.component: line for line in found.lines}
    assert lines["generation-demand"].quantity == 18_000
    assert lines["generation-demand"].amount.literal == "171000"
    assert lines["network-demand"].quantity == 25_500
    assert lines["customer"].amount.literal == "131"
    others = ("energy", "generation-demand", "network-demand", "customer")
    reached = sum(lines[name].amount.amount for name in others)
    assert reached > 300_000
    assert lines["least"].amount.literal == "0"
    assert found.demands == {"generation-demand": 10_000, "network-demand": 10_000}
    # 90 % of the highest of the last eleven months; the one before those no longer counts.
    assert {line.component: line.quantity for line in ratcheted.lines}["network-demand"] == 26_100


def test_a_least_bill_is_made_up_to() -> None:
    what = tariff("virginia")

    found = bill(what, month_load(what, 2027, 2, ["0"]), when=(2027, 2), contract_kw=Decimal(1000))

    # 600 kW and 850 kW of the contract, and the customer charge: 11143.50 of 10000.
    assert amounts(found)["least"] == "0"
    changed = document("virginia")
    changed["components"][4]["rate_per_kw"] = "12"
    raised = bill(
        parse_tariff(changed), month_load(what, 2027, 2, ["0"]), when=(2027, 2), contract_kw=Decimal(1000)
    )
    assert amounts(raised)["least"] == "856.5"
    assert raised.total.literal == "12000"


def test_demand_is_a_mean_over_the_clocks_intervals() -> None:
    what = tariff("gansu")
    load = month_load(what, 2026, 3, ["120", "480", "720", "120"], step=5)

    found = bill(what, load)

    # The quarter-hours are of three steps each; the highest is of 120, 480 and 720 kW.
    assert found.demands["demand"] == 440


@pytest.mark.parametrize(
    ("change", "quantity", "unit"),
    [
        ({"basis": "MEASURED_MAX_15MIN"}, "800", "kW"),
        ({"basis": "MEASURED_MAX_30MIN"}, "600", "kW"),
        ({"basis": "MEASURED_MAX_60MIN"}, "400", "kW"),
        ({"basis": "KVA"}, "1000", "kVA"),
        ({"basis": "CONTRACT"}, "900", "kW"),
        ({"basis": "COINCIDENT_PEAK"}, "300", "kW"),
    ],
)
def test_demand_has_several_bases(change: dict[str, str], quantity: str, unit: str) -> None:
    changed = document("gansu")
    changed["components"][2].update(change)
    what = parse_tariff(changed)
    load = month_load(what, 2026, 3, ["400", "800", "200", "200"])
    peaks = [to_moment(month_span(what, 2026, 3)[0]) + timedelta(minutes=minute) for minute in (0, 31)]

    found = bill(
        what, load, known=Month(coincident=peaks), contract_kw=Decimal(900), power_factor=Decimal("0.8")
    )

    (line,) = [line for line in found.lines if line.component == "demand"]
    assert (line.quantity, line.unit) == (Decimal(quantity), unit)


def test_a_capacity_charge_is_of_what_is_installed() -> None:
    what = tariff("zhejiang")
    load = month_load(what, 2026, 10, ["0"])

    assert amounts(bill(what, load, when=(2026, 10), capacity_kva=Decimal(1250)))["capacity"] == "37500"
    with pytest.raises(FigureMissing, match="capacity_kva"):
        bill(what, load, when=(2026, 10))


def test_a_roof_serves_what_the_load_of_each_interval_takes() -> None:
    what = tariff("rooftop")
    start, end = (to_moment(moment) for moment in month_span(what, 2026, 6))
    roof = power("roof-kw", start, 60, ["0", "500"] * 360)
    load = month_load(what, 2026, 6, ["600", "600", "600", "600", "300", "300", "300", "300"])

    found = bill(what, load, roof, when=(2026, 6))

    # In every second hour 400 kW come from the roof, and the load is then 300: nothing from the grid.
    assert (end - start).total_seconds() == 720 * 3600
    roof_cost, grid_cost = Decimal("0.045") * 300 * 360, Decimal("0.15") * 600 * 360
    assert amounts(found)["roof"] == format_plain(roof_cost)
    assert amounts(found)["energy"] == format_plain(Decimal("0.11") * 600 * 360)
    assert amounts(found)["vat"] == format_plain((roof_cost + grid_cost) * Decimal("0.21"))


def test_tiers_fill_over_the_month_with_what_agreements_leave() -> None:
    what = tariff("tiers")
    start, _ = (to_moment(moment) for moment in month_span(what, 2026, 6))
    fi = prices("FI", start, 60, ["40"] * 720)

    found = bill(what, month_load(what, 2026, 6, ["10"]), fi, when=(2026, 6))

    # 720 h: 10 kW less 2 of the agreement are 5760 kWh; 3 kW half the day and 1 the other half are settled.
    assert amounts(found) == {
        "energy": "694",  # 1000 kWh at 0.10, 4000 at 0.12, 760 at 0.15
        "band": "86.4",
        "wind": "14.4",
        "certificates": "-12",
    }


def test_losses_are_of_tiers_too() -> None:
    changed = document("tiers")
    changed["components"] = changed["components"][:1]
    changed["components"].append({"name": "losses", "kind": "LOSS_PCT", "percent": "5", "of": ["energy"]})
    what = parse_tariff(changed)

    found = bill(what, month_load(what, 2026, 6, ["8"]), when=(2026, 6))

    assert amounts(found) == {"energy": "694", "losses": "34.7"}


def test_losses_that_do_not_float_are_billed_of_the_price_before() -> None:
    changed = document("guizhou")
    floating = parse_tariff(changed)
    changed["components"][1]["floats"] = False
    still = parse_tariff(changed)
    load = month_load(still, 2026, 3, ["1000", "0"])

    # 5 % of 0.22 for 372000 kWh, against 1.5, 0.5 and 1 times as much for 6, 8 and 10 hours a day.
    assert amounts(bill(still, load))["losses"] == "4092"
    assert amounts(bill(floating, load))["losses"] == "3921.5"


def test_taxes_are_of_monthly_charges_too() -> None:
    changed = document("gansu")
    changed["components"].append(
        {"name": "tax", "kind": "TAX_PCT", "percent": "13", "of": ["energy", "network", "demand"]}
    )
    what = parse_tariff(changed)

    found = bill(what, month_load(what, 2026, 3, ["1000"]))

    assert amounts(found)["tax"] == "43044.56"


def event(**said: Any) -> DrEvent:
    figures: dict[str, Any] = {
        "uid": "dr-1",
        "direction": Direction.SHED,
        "kw": Decimal(400),
        "baseline_kw": Decimal(1000),
        "start": utc(2026, 3, 10, 10),
        "end": utc(2026, 3, 10, 12),
        "pay_per_kwh": Decimal(2),
    }
    return DrEvent(**{**figures, **said})


def test_an_event_pays_for_what_was_delivered() -> None:
    what = tariff("gansu")
    load = month_load(what, 2026, 3, ["700"])
    events = [
        event(penalty_per_kwh=Decimal("0.5"), pay_per_kw_month=Decimal(3), programme="summer"),
        event(uid="dr-2", start=utc(2026, 3, 11, 10), end=utc(2026, 3, 11, 11), programme="summer"),
        event(uid="dr-3", direction=Direction.FILL, baseline_kw=Decimal(500)),
    ]

    found = bill(what, load, known=Month(events=events))

    # 300 of 400 kW for two hours; standing ready is paid once a programme.
    lines = amounts(found)
    assert lines["event:dr-1"] == "-1200"
    assert lines["penalty:dr-1"] == "100"
    assert lines["event:dr-2"] == "-600"
    assert lines["event:dr-3"] == "-800"
    assert lines["programme:summer"] == "-1200"
    with pytest.raises(FigureMissing, match="baseline_kw"):
        bill(what, load, known=Month(events=[event(baseline_kw=None)]))


def test_a_bill_with_prices_not_yet_known_is_provisional() -> None:
    what = tariff("germany")
    start, _ = month_span(what, 2026, 3)
    load = month_load(what, 2026, 3, ["100"])
    early = prices("DE-LU", to_moment(start), 60, ["80"] * 24 * 20)

    assert bill(what, load, early).forecast
    with pytest.raises(PriceUnknown):
        bill(what, load)


@pytest.mark.parametrize("start", [utc(2026, 2, 28, 15), utc(2026, 3, 1), utc(2026, 2, 28, 16, 15)])
def test_a_load_of_another_time_is_refused(start: datetime) -> None:
    what = tariff("gansu")

    with pytest.raises(TariffInvalid) as refused:
        bill(what, Load(start, 15, (Decimal(1),) * 2976))

    assert refused.value.field == "load"


def test_steps_too_coarse_tell_no_demand() -> None:
    what = tariff("gansu")

    with pytest.raises(FigureMissing, match="steps of 60"):
        bill(what, month_load(what, 2026, 3, ["1000"], step=60))

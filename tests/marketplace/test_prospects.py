"""What an offer costs over the hours ahead, and what its provider could change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from marketplace import reference, what_ifs
from marketplace.energy.inputs import Inputs
from marketplace.energy.refusals import BadInput
from marketplace.energy.work import Unit
from marketplace.outlooks import Outlook, Stretch, Version, look_ahead
from marketplace.prospects import Prospect, foresee, foresee_one_price, list_hours
from marketplace.tariffs.documents import parse_tariff
from marketplace.tariffs.tariff import PowerSite
from tests.marketplace.energy.hall import HALL, add_to

START = datetime(2030, 6, 3, 0, 0, tzinfo=UTC)
END = START + timedelta(hours=24)
TARIFF: dict[str, Any] = {
    "format": "jouleport-tariff/1",
    "name": "valley",
    "version": 1,
    "currency": "CNY",
    "zone": "UTC",
    "valid_from": "2029-01-01",
    "verified": True,
    "components": [
        {
            "kind": "TOU_ENERGY",
            "name": "energy",
            "windows": [
                {"start": "00:00", "end": "12:00", "price": "0.40"},
                {"start": "12:00", "end": "24:00", "price": "0.80"},
            ],
        },
        {
            "kind": "SURPLUS",
            "name": "noon",
            "replaces": ["energy"],
            "lots": [
                {
                    "start": "2030-06-03T10:00:00Z",
                    "end": "2030-06-03T12:30:00Z",
                    "kw": "500",
                    "price": "0.10",
                    "firmness": "FIRM",
                }
            ],
        },
    ],
}


def look(**changes: Any) -> Outlook:
    site = PowerSite(name="site", currency="CNY", load_kw=Decimal(100))
    version = Version(1, "tariff:1", "", parse_tariff({**TARIFF, **changes}), site)
    return look_ahead(versions=[version], series={}, start=START, end=END)


def read(stretch: Stretch | None) -> Inputs:
    assert stretch is not None
    return add_to(HALL, per_kwh=stretch.price)


@pytest.fixture
def day() -> Prospect:
    found = foresee(read=read, outlook=look())
    assert found is not None
    return found


def test_surplus_is_told_from_the_tariff_around_it(day: Prospect) -> None:
    assert [(step.hours, step.per_kwh, step.surplus) for step in day.steps] == [
        (Decimal(10), Decimal("0.40"), False),
        (Decimal("2.5"), Decimal("0.10"), True),
        (Decimal("11.5"), Decimal("0.80"), False),
    ]


def test_on_the_whole_each_price_counts_for_as_long_as_it_lasts(day: Prospect) -> None:
    mean = (10 * Decimal("0.40") + Decimal("2.5") * Decimal("0.10") + Decimal("11.5") * Decimal("0.80")) / 24

    assert round(day.inputs.power.per_kwh, 15) == round(mean, 15)
    found = day.find_range(Unit.OUTPUT)
    assert found is not None
    assert found[0] < day.built.prices[Unit.OUTPUT] < found[1]


def test_every_hour_has_its_column(day: Prospect) -> None:
    hours = list_hours(day.steps)

    # The lot ends at half past twelve, so that hour is in two.
    assert len(hours) == 25
    assert sum(step.hours for step in hours) == 24
    assert [one.end for one in hours[:-1]] == [one.start for one in hours[1:]]


def test_hours_in_which_selling_pays_more_are_counted(day: Prospect) -> None:
    assert day.count_idle_hours(unit=Unit.OUTPUT, selling_per_kwh=Decimal(0)) == 0
    assert day.count_idle_hours(unit=Unit.OUTPUT, selling_per_kwh=Decimal(10_000)) == 24


def test_credits_that_outweigh_costs_leave_an_hour_unpriced_and_not_the_rest(day: Prospect) -> None:
    def pay_at_noon(stretch: Stretch | None) -> Inputs:
        assert stretch is not None
        return add_to(HALL, per_kwh=Decimal(-1000) if stretch.price < Decimal("0.2") else stretch.price)

    found = foresee(read=pay_at_noon, outlook=look())

    assert found is not None
    assert [step.built is None for step in found.steps] == [False, True, False]
    assert found.find_range(Unit.OUTPUT) is not None


def test_without_a_price_of_power_there_is_no_prospect() -> None:
    assert foresee(read=read, outlook=look(valid_from="2031-01-01")) is None


def test_one_price_of_power_is_one_step() -> None:
    [step] = foresee_one_price(inputs=HALL, start=START, end=END).steps

    assert (step.hours, step.surplus) == (Decimal(24), False)


def test_measured_set_ups_are_found_by_the_models_name() -> None:
    setups = what_ifs.list_setups(reference.read_joules())

    likely = what_ifs.list_likely(setups, "meta/llama-3.1-70b-instruct")

    assert {setup.model for setup in likely} == {"Llama 3.1 70B Instruct"}
    assert what_ifs.find_setup(setups, likely[0].key) == likely[0]
    assert what_ifs.list_likely(setups, "small") == []


def test_a_node_runs_as_many_copies_as_fit() -> None:
    setup = what_ifs.Setup("Llama 3.1 70B Instruct", "nvidia-h100-sxm-80", "BF16", 4)

    served = what_ifs.find_served(rows=reference.read_joules(), setup=setup, batch=Decimal(256), chips=8)

    assert served.replicas == 2
    assert served.tokens_per_second == 2 * served.point.tokens_per_second
    with pytest.raises(BadInput, match="4 chips"):
        what_ifs.find_served(rows=reference.read_joules(), setup=setup, batch=Decimal(256), chips=2)


def test_each_lever_says_before_and_after() -> None:
    served = what_ifs.state_served(joules=Decimal("0.25"), tokens_per_second=Decimal(2000), chips=2)

    cooled = what_ifs.try_cooling(inputs=HALL, unit=Unit.OUTPUT, pue=Decimal("1.07"))
    heated = what_ifs.try_heat(inputs=HALL, unit=Unit.OUTPUT, reused=Decimal("0.5"), per_kwh=Decimal("0.1"))
    batched = what_ifs.try_batch(inputs=HALL, unit=Unit.OUTPUT, served=served)
    dearer = what_ifs.try_chip(
        inputs=HALL,
        unit=Unit.OUTPUT,
        served=served,
        chip=reference.find_chip("nvidia-b200-180"),
        chips=2,
        capital=Decimal(3_000_000),
    )

    assert cooled.groups["heat"] < 0
    assert heated.groups["heat"] < 0
    assert batched.saved > Decimal("0.4")
    assert dearer.saved < 0
    assert {cooled.before, heated.before, batched.before, dearer.before} == {cooled.before}


def test_a_chip_that_nobody_knows_idle_takes_the_providers_word() -> None:
    served = what_ifs.state_served(joules=Decimal("0.25"), tokens_per_second=Decimal(2000), chips=2)
    given: dict[str, Any] = {
        "inputs": HALL,
        "unit": Unit.OUTPUT,
        "served": served,
        "chips": 2,
        "capital": Decimal(1),
    }

    with pytest.raises(BadInput, match="idle_watts"):
        what_ifs.try_chip(**given, chip=None)
    assert what_ifs.try_chip(**given, chip=None, idle_watts=Decimal(10)).saved > 0


def test_only_what_is_better_is_suggested() -> None:
    known = reference.read_default_pues()
    immersed = replace(HALL, hall=replace(HALL.hall, pue=Decimal("1.07")))

    better = what_ifs.find_better_cooling(inputs=HALL, known=known)

    assert better is not None
    assert better.cooling == "direct-liquid"
    assert what_ifs.find_better_cooling(inputs=immersed, known=known) is None

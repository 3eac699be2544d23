"""What power and machine earn, and what would change it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from marketplace import reference
from marketplace.energy import levers, returns, table
from marketplace.energy.build_up import build_up
from marketplace.energy.inputs import Inputs
from marketplace.energy.refusals import BadInput
from marketplace.energy.table import OperatingPoint
from marketplace.energy.work import Unit, list_chip_second_work
from tests.marketplace.energy.hall import HALL, add_to

SOLD = replace(HALL, margin=Decimal("0.2"), fee_bps=500)


def find_point(*, chip: str, batch: int, chips: int) -> OperatingPoint:
    point = table.find_point(
        rows=reference.read_joules(),
        model="Llama 3.1 70B Instruct",
        chip=chip,
        precision="BF16",
        batch=Decimal(batch),
        chips=chips,
    )
    assert point is not None
    return point


def test_a_kwh_earns_more_as_computing_than_sold() -> None:
    built = build_up(SOLD)

    use = returns.compare_with_selling(built=built, unit=Unit.OUTPUT, selling_per_kwh=Decimal("0.30"))

    kwh = built.footprints[Unit.OUTPUT].meter_kwh
    assert round(use.ask, 9) == round(built.find_ask(Unit.OUTPUT) / kwh, 9)
    # Power at cost, and the margin on everything, are left when the machine is paid.
    power = built.add_lines(Unit.OUTPUT, *returns.POWER)
    assert round(power / kwh, 9) == Decimal("0.4")
    assert round(use.after_owning, 9) == round(
        Decimal("0.4") + built.add_lines(Unit.OUTPUT, "margin") / kwh, 9
    )
    assert use.before_owning > use.after_owning > use.selling
    assert use.worth_running
    assert use.worth_owning


def test_dear_power_is_better_sold() -> None:
    built = build_up(SOLD)

    dear = returns.compare_with_selling(built=built, unit=Unit.OUTPUT, selling_per_kwh=Decimal(20))

    assert dear.worth_running
    assert not dear.worth_owning
    dearer = returns.compare_with_selling(built=built, unit=Unit.OUTPUT, selling_per_kwh=dear.before_owning)
    assert not dearer.worth_running


def test_a_unit_without_energy_cannot_be_compared() -> None:
    with pytest.raises(BadInput, match="cached_input takes no energy"):
        returns.compare_with_selling(built=build_up(SOLD), unit=Unit.CACHED_INPUT, selling_per_kwh=Decimal(1))


def test_without_margin_capital_is_back_with_its_interest_gone() -> None:
    found = returns.find_payback(inputs=HALL, built=build_up(HALL), unit=Unit.OUTPUT)

    # Machine 300,000, hall 625 W x 1.3 x 70; four years' annuity at 10 % pays the machine within 3.2 years,
    # fifteen at 8 % the hall within 8.6.
    assert found.capital == Decimal(300_000) + Decimal(625) * Decimal("1.3") * 70
    assert found.years == pytest.approx(Decimal("3.5"), abs=Decimal("0.1"))


def test_a_margin_brings_capital_back_sooner_in_any_unit() -> None:
    work = {**HALL.work, **list_chip_second_work(chip_watts=Decimal(500), chips=2)}
    inputs = replace(SOLD, work=work)
    built = build_up(inputs)

    by_token = returns.find_payback(inputs=inputs, built=built, unit=Unit.OUTPUT)
    by_chip = returns.find_payback(inputs=inputs, built=built, unit=Unit.CHIP_SECOND)

    assert by_token.years is not None
    assert by_chip.years is not None
    assert by_token.years < Decimal("3.1")
    assert by_chip.years == pytest.approx(by_token.years, rel=Decimal("0.000001"))


def test_what_brings_nothing_never_pays_back() -> None:
    free = replace(HALL, machine=replace(HALL.machine, capital=Decimal(0)))
    bare = replace(free, hall=replace(free.hall, capital_per_watt=Decimal(0)))

    assert returns.find_payback(inputs=bare, built=build_up(bare), unit=Unit.OUTPUT).years is None
    with pytest.raises(BadInput, match="cached_input takes no time"):
        returns.find_payback(inputs=HALL, built=build_up(HALL), unit=Unit.CACHED_INPUT)


def test_idle_hours_cost_and_many_of_them_warn() -> None:
    busy = returns.find_idleness(inputs=HALL)

    # Half of 8,760 hours at 100 W x 1.3 x 0.40.
    assert busy.hours == 4380
    assert busy.power == Decimal(4380) * Decimal("0.1") * Decimal("1.3") * Decimal("0.4")
    assert round(busy.cost, 9) == round(busy.owning + busy.power, 9)
    assert not busy.is_low
    idle = replace(HALL, machine=replace(HALL.machine, utilisation=Decimal("0.29")))
    assert returns.find_idleness(inputs=idle).is_low


def test_demand_charges_are_part_of_what_idling_costs() -> None:
    charged = add_to(HALL, demand_per_kw_month=Decimal(73))

    assert returns.find_idleness(inputs=charged).power == returns.find_idleness(inputs=HALL).power * Decimal(
        "1.25"
    )


def change(after: Inputs, *, before: Inputs = HALL) -> levers.Change:
    return levers.compare(before=before, after=after, unit=Unit.OUTPUT)


def test_liquid_cooling_saves_cooling_and_a_little_hall() -> None:
    found = change(levers.cool_better(inputs=HALL, pue=Decimal("1.07"), source="quote"))

    assert found.saved > 0
    assert found.groups["heat"] < 0
    assert found.groups["facility"] < 0
    assert found.groups["electricity"] == found.groups["chip"] == 0


def test_reused_heat_moves_only_heat() -> None:
    found = change(
        levers.reuse_heat(inputs=HALL, reused=Decimal("0.5"), per_kwh=Decimal("0.15"), source="contract")
    )

    assert found.after - found.before == found.groups["heat"] < 0
    assert [name for name, moved in found.groups.items() if moved] == ["heat"]


# The published machine: two copies of four H100 at batch 64 and 256.
def serve(batch: int) -> Inputs:
    point = find_point(chip="nvidia-h100-sxm-80", batch=batch, chips=4)
    return levers.enlarge_batch(inputs=HALL, point=point, replicas=2, source="table")


def test_a_bigger_batch_saves_in_proportion_to_its_tokens() -> None:
    found = change(serve(256), before=serve(64))

    assert found.groups["chip"] < 0
    assert found.groups["electricity"] < 0
    # 2,510.5 tokens a second become 4,915.1; the hall has to carry more watts.
    assert round(found.saved, 3) == Decimal("0.461")
    assert found.saved < 1 - Decimal("2510.5") / Decimal("4915.1")
    ratio = serve(256).work[Unit.INPUT].joules / serve(256).work[Unit.OUTPUT].joules
    assert ratio == pytest.approx(Decimal("0.45"))


def test_a_newer_chip_brings_its_own_machine() -> None:
    machine = replace(HALL.machine, chips=8, capital=Decimal(450_000))
    point = find_point(chip="nvidia-b200-180", batch=1024, chips=2)

    after = levers.change_chip(inputs=serve(256), machine=machine, point=point, replicas=4, source="table")

    assert after.machine.capital == 450_000
    assert after.machine.chip_watts == 4 * point.watts
    assert round(1 / after.work[Unit.OUTPUT].seconds, 9) == 4 * point.tokens_per_second
    assert change(after, before=serve(256)).saved > 0


def test_a_lever_that_raises_the_price_says_so() -> None:
    found = change(levers.cool_better(inputs=HALL, pue=Decimal("1.54"), source="old hall"))

    assert found.saved < 0

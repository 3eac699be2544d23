"""Every term is a line, the lines are the price, and each does what its formula says."""

from dataclasses import replace
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.quantities import EXACT, ROUNDING
from marketplace.energy.build_up import Pricer, build_up
from marketplace.energy.inputs import (
    Carbon,
    CarbonBasis,
    DemandResponse,
    Hall,
    Heat,
    Inputs,
    Machine,
    Network,
    Power,
)
from marketplace.energy.lines import GROUPS, BuildUp
from marketplace.energy.refusals import BadInput, PriceNegative
from marketplace.energy.work import (
    Unit,
    list_chip_second_work,
    list_hash_work,
    list_image_work,
    list_token_work,
)
from tests.marketplace.energy.hall import HALL, add_to

LINES = [
    "electricity",
    "idle",
    "cooling_and_losses",
    "demand",
    "demand_response",
    "heat_credit",
    "carbon",
    "hardware",
    "facility",
    "operations",
    "network",
    "licence",
    "margin",
    "platform_fee",
]


def line(built: BuildUp, name: str, unit: Unit = Unit.OUTPUT) -> Decimal:
    """One line for a million units, to nine places."""
    return round(built.add_lines(unit, name) * 1_000_000, 9)


def test_every_term_is_one_line() -> None:
    assert [found.name for found in build_up(HALL).lines] == LINES


def test_every_line_is_in_exactly_one_group() -> None:
    # What contracts do to a price is added to the build-up afterwards.
    by_contract = ["slack_discount", "price_cap"]
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(LINES + by_contract)


def test_electricity_is_joules_times_host_factor() -> None:
    # 0.5 J x 1.25 / 3.6e6 x 0.40 x 1e6
    assert line(build_up(HALL), "electricity") == Decimal("0.069444444")


def test_idle_hours_are_paid_by_busy_ones() -> None:
    # 1,000 tokens a second; 100 W idle, half of the hours: 0.1 kWh for each 3.6 million tokens.
    assert line(build_up(HALL), "idle") == Decimal("0.011111111")


def test_cooling_and_losses_are_what_the_meter_adds() -> None:
    # PUE 1.25 with 4 % line loss: 0.3 on top.
    built = build_up(HALL)

    share = line(built, "cooling_and_losses") / (line(built, "electricity") + line(built, "idle"))
    assert round(share, 6) == Decimal("0.3")
    footprint = built.footprints[Unit.OUTPUT]
    assert round(footprint.overhead_kwh / (footprint.busy_kwh + footprint.idle_kwh), 12) == Decimal("0.3")


def test_a_demand_charge_is_levelised() -> None:
    built = build_up(add_to(HALL, demand_per_kw_month=Decimal(35), load_factor=Decimal("0.9")))

    per_kwh = built.add_lines(Unit.OUTPUT, "demand") / built.footprints[Unit.OUTPUT].meter_kwh
    assert round(per_kwh, 6) == Decimal("0.053272")


def test_reused_heat_is_credited() -> None:
    built = build_up(replace(HALL, heat=Heat(Decimal("0.5"), Decimal("0.15"), "contract 7")))

    footprint = built.footprints[Unit.OUTPUT]
    assert round(footprint.heat_kwh / footprint.meter_kwh, 12) == Decimal("0.5")
    assert round(built.add_lines(Unit.OUTPUT, "heat_credit") / footprint.meter_kwh, 9) == Decimal("-0.075")


@pytest.mark.parametrize(
    ("basis", "per_kwh"),
    [
        (CarbonBasis.NONE, "0"),
        (CarbonBasis.LOCATION, "0.06"),
        # A quarter of 400 g, three quarters being matched hour by hour.
        (CarbonBasis.MARKET, "0.01"),
    ],
    ids=str,
)
def test_carbon_is_priced_by_one_account_and_told_by_both(basis: CarbonBasis, per_kwh: str) -> None:
    carbon = Carbon(
        location_g=Decimal(600),
        market_g=Decimal(400),
        source="grid",
        matched=Decimal("0.75"),
        basis=basis,
        price_per_tonne=Decimal(100),
    )

    built = build_up(replace(HALL, carbon=carbon))

    footprint = built.footprints[Unit.OUTPUT]
    assert round(built.add_lines(Unit.OUTPUT, "carbon") / footprint.meter_kwh, 9) == Decimal(per_kwh)
    assert round(footprint.location_g / footprint.meter_kwh, 9) == 600
    assert round(footprint.market_g / footprint.meter_kwh, 9) == 100


def test_embodied_carbon_is_spread_over_the_busy_life() -> None:
    carbon = replace(HALL.carbon, embodied_g=Decimal(8760 * 4 * 3600))

    footprint = build_up(replace(HALL, carbon=carbon)).footprints[Unit.OUTPUT]

    # One gram a second of four years, half of them busy, at 1,000 tokens a second.
    assert round(footprint.embodied_g, 12) == Decimal("0.002")


def test_demand_response_lowers_the_price_by_what_is_passed_on() -> None:
    response = DemandResponse(
        available_per_kw_month=Decimal(73),
        activated_per_kwh=Decimal(2),
        activated=Decimal("0.01"),
        passed_on=Decimal("0.5"),
    )

    built = build_up(replace(HALL, demand_response=response))

    per_kwh = built.add_lines(Unit.OUTPUT, "demand_response") / built.footprints[Unit.OUTPUT].meter_kwh
    # Half of 73 / 730 and of 2 x 0.01.
    assert round(per_kwh, 9) == Decimal("-0.06")


def test_a_residual_is_not_written_off() -> None:
    without = line(build_up(HALL), "hardware")
    machine = replace(HALL.machine, residual=Decimal("0.3"))

    kept = line(build_up(replace(HALL, machine=machine)), "hardware")

    assert round(kept / without, 6) == round(1 - Decimal("0.3") / Decimal("1.1") ** 4, 6)


def test_without_interest_capital_is_written_off_straight() -> None:
    machine = replace(HALL.machine, rate=Decimal(0))

    # 8,760 for each year of four, half of the hours: 0.5 an hour.
    found = build_up(replace(HALL, machine=replace(machine, capital=Decimal(8760))))

    assert line(found, "hardware") == round(Decimal(8760) / 4 / 4380 / Decimal("3.6"), 9)


def test_network_and_licence_are_for_the_units_that_cause_them() -> None:
    network = Network(
        per_gb=Decimal("0.5"),
        gigabytes={Unit.OUTPUT: Decimal("0.000000004")},
        source="carrier",
        licence={Unit.INPUT: Decimal("0.0000001")},
        licence_source="model owner",
    )

    built = build_up(replace(HALL, network=network))

    assert (line(built, "network"), line(built, "network", Unit.INPUT)) == (Decimal("0.002"), Decimal(0))
    assert (line(built, "licence"), line(built, "licence", Unit.INPUT)) == (Decimal(0), Decimal("0.1"))


def test_the_fee_leaves_the_provider_its_ask() -> None:
    built = build_up(replace(HALL, margin=Decimal("0.2"), fee_bps=500))

    without = build_up(replace(HALL, margin=Decimal("0.2"))).prices[Unit.OUTPUT]
    assert built.find_ask(Unit.OUTPUT) == without
    assert abs(built.prices[Unit.OUTPUT] * Decimal("0.95") - without) < Decimal("1e-17")


def test_an_input_token_takes_its_share_and_a_cached_one_nothing() -> None:
    built = build_up(HALL)

    assert round(built.prices[Unit.INPUT] / built.prices[Unit.OUTPUT], 9) == Decimal("0.45")
    assert built.prices[Unit.CACHED_INPUT] == 0


def test_measured_input_has_its_own_joules_and_its_own_time() -> None:
    work = list_token_work(
        output_joules=Decimal("0.5"),
        output_per_second=Decimal(1000),
        input_joules=Decimal("0.1"),
        input_per_second=Decimal(5000),
    )

    built = build_up(replace(HALL, work=work))

    assert line(built, "electricity", Unit.INPUT) == round(line(built, "electricity") / 5, 9)
    assert line(built, "hardware", Unit.INPUT) == round(line(built, "hardware") / 5, 9)


def test_images_and_hashes_and_chip_seconds_are_priced_by_the_same_lines() -> None:
    work = {
        **list_image_work(joules=Decimal(3520), per_second=Decimal("0.5")),
        **list_hash_work(joules_per_terahash=Decimal("17.5"), terahash_per_second=Decimal(200)),
        **list_chip_second_work(chip_watts=Decimal(500), chips=2),
    }

    built = build_up(replace(HALL, work=work))

    assert set(built.prices) == {Unit.IMAGE, Unit.TERAHASH, Unit.CHIP_SECOND}
    assert line(built, "electricity", Unit.IMAGE) / line(built, "electricity", Unit.CHIP_SECOND) == (
        pytest.approx(Decimal(3520) / 250)
    )
    assert round(built.footprints[Unit.TERAHASH].busy_kwh * 3_600_000, 9) == Decimal("21.875")


def test_a_pricer_prices_as_if_everything_were_built_anew() -> None:
    power = Power(
        per_kwh=Decimal("0.13"),
        source="surplus",
        demand_per_kw_month=Decimal(35),
        load_factor=Decimal("0.9"),
    )

    assert Pricer(HALL).price(power) == build_up(replace(HALL, power=power))


def test_negative_power_lowers_the_price_and_never_below_nothing() -> None:
    negative = add_to(HALL, per_kwh=Decimal("-0.05"))

    assert line(build_up(negative), "electricity") < 0
    with pytest.raises(PriceNegative, match="output: credits outweigh every cost by"):
        build_up(add_to(HALL, per_kwh=Decimal(-1000)))


def test_a_line_names_its_figures_and_their_sources() -> None:
    power = Power(
        per_kwh=Decimal("0.40"),
        source="tariff 12",
        components={"energy": Decimal("0.30"), "transport": Decimal("0.10")},
    )

    described = build_up(replace(HALL, power=power)).describe()

    electricity = described["lines"][0]
    assert electricity["inputs"]["per_kwh.transport"] == "0.1"
    assert electricity["inputs"]["host_factor"] == "1.25"
    assert electricity["sources"] == ["tariff 12", "receipts of the node"]
    assert electricity["tier"] == "counter"
    assert described["groups"]["output"]["heat"] == described["lines"][2]["amounts"]["output"]


def test_components_that_do_not_sum_are_refused() -> None:
    with pytest.raises(BadInput, match="components: they do not sum"):
        Power(per_kwh=Decimal("0.40"), source="tariff 12", components={"energy": Decimal("0.39")})


def test_another_currency_adds_up_again() -> None:
    built = build_up(replace(HALL, margin=Decimal("0.2"), fee_bps=500))

    dollars = built.convert(rate=Decimal("0.150308132"), currency="USD", source="ECB")

    assert dollars.currency == "USD"
    assert dollars.rate == "0.150308132 USD per CNY, ECB"
    assert dollars.prices[Unit.OUTPUT] == sum(found.amounts[Unit.OUTPUT] for found in dollars.lines)
    assert dollars.prices[Unit.OUTPUT] * Decimal("6.653") == pytest.approx(built.prices[Unit.OUTPUT])
    with pytest.raises(BadInput, match="rate: 0 is not more than 0"):
        built.convert(rate=Decimal(0), currency="USD", source="ECB")


POSITIVE = st.decimals(min_value="0.000001", max_value="100000", places=6)
SHARE = st.decimals(min_value="0", max_value="1", places=4)
BUSY = st.decimals(min_value="0.0001", max_value="1", places=4)


@st.composite
def inputs(draw: st.DrawFn) -> Inputs:
    """Any site and any machine, at a price of power that is not negative."""
    output, rate = draw(POSITIVE), draw(POSITIVE)
    return Inputs(
        currency="CNY",
        power=Power(draw(POSITIVE), "tariff", {}, draw(POSITIVE), draw(BUSY)),
        hall=Hall(1 + draw(SHARE), "hall", draw(SHARE), draw(POSITIVE)),
        carbon=Carbon(
            draw(POSITIVE),
            draw(POSITIVE),
            "grid",
            draw(SHARE),
            draw(POSITIVE),
            draw(st.sampled_from(CarbonBasis)),
            draw(POSITIVE),
        ),
        machine=Machine(
            chips=8,
            chip_watts=draw(POSITIVE),
            host_watts=draw(POSITIVE),
            idle_watts=draw(POSITIVE),
            utilisation=draw(BUSY),
            capital=draw(POSITIVE),
            source="machine",
            rate=draw(SHARE),
            residual=draw(SHARE),
            operations_rate=draw(SHARE),
        ),
        work={
            **list_token_work(output_joules=output, output_per_second=rate),
            **list_chip_second_work(chip_watts=output, chips=8),
        },
        work_source="receipts",
        margin=draw(SHARE),
        fee_bps=draw(st.integers(0, 9_999)),
    )


@settings(deadline=None)
@given(given_inputs=inputs())
def test_lines_and_groups_add_up_to_the_price_exactly(given_inputs: Inputs) -> None:
    described = build_up(given_inputs).describe()

    with localcontext(EXACT):
        for unit, price in described["prices"].items():
            lines = [Decimal(found["amounts"][unit]) for found in described["lines"]]
            groups = [Decimal(amount) for amount in described["groups"][unit].values()]
            assert sum(lines) == sum(groups) == Decimal(price)


@settings(deadline=None)
@given(given_inputs=inputs(), per_kwh=POSITIVE)
def test_dearer_power_moves_only_lines_of_power(given_inputs: Inputs, per_kwh: Decimal) -> None:
    cheap = build_up(given_inputs)
    dear = build_up(add_to(given_inputs, per_kwh=given_inputs.power.per_kwh + per_kwh))

    moved = {
        found.name
        for found, other in zip(cheap.lines, dear.lines, strict=True)
        if found.amounts != other.amounts
    }
    assert moved <= {"electricity", "idle", "cooling_and_losses", "margin", "platform_fee"}
    assert all(dear.prices[unit] >= cheap.prices[unit] for unit in cheap.prices)


@settings(deadline=None)
@given(given_inputs=inputs())
def test_energy_at_the_meter_is_energy_at_the_machine_times_the_hall(given_inputs: Inputs) -> None:
    for footprint in build_up(given_inputs).footprints.values():
        with localcontext(ROUNDING):
            machine = (footprint.busy_kwh + footprint.idle_kwh) * given_inputs.hall.factor
        assert machine == footprint.meter_kwh

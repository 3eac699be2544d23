"""Readings recorded on real machines (fixtures/README.md says whose), and what the meter makes of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent import energy, sources
from agent.energy import Meter, Part
from agent.sources import Declared, MeterLost, RaplCounter
from tests.agent.test_energy import SECOND, Replayed, load, write_zone

DRAM_RANGE = 65712999613


def replay(meter: Meter, readings: Sequence[tuple[float, Sequence[int]]]) -> list[str]:
    """Give the tier after each reading."""
    tiers = []
    for seconds, raw in readings:
        meter.take([raw], now_ns=round(seconds * SECOND))
        tiers.append(meter.tier)
    return tiers


def make_meter(source: sources.Source, *more: sources.Source, busy: float = 500) -> Meter:
    part = Part("recorded", [source, *more])
    return Meter(declared=Declared(idle_watts=100, busy_watts=busy), parts=[part], started_ns=0)


class Channel:
    """One channel of a counter whose readings come from a fixture."""

    tier = "counter"
    name = "recorded"
    channels: Sequence[str] = ("device",)
    optional: frozenset[int] = frozenset()

    def __init__(self, *, ceiling_watts: float | None = None) -> None:
        self.ceiling_watts = ceiling_watts
        self._last: int | None = None

    def read(self) -> Sequence[int]:
        raise MeterLost("readings are replayed")

    def advance(self, raw: Sequence[int], *, now_ns: int) -> Sequence[int]:
        last, self._last = self._last or raw[0], raw[0]
        return [raw[0] - last]


def test_a_servers_counter_that_wrapped_around_goes_on(tmp_path: Path) -> None:
    recorded = load("rapl-recorded-wrap.json")
    rows: list[tuple[int, int]] = recorded["rows"]
    write_zone(tmp_path, "intel-rapl:0", name="package-0", energy_uj=rows[0][1], range_uj=recorded["range"])
    meter = make_meter(RaplCounter(root=tmp_path))

    tiers = replay(meter, [(second, [shown]) for second, shown in rows])

    joules = meter.reading(now_ns=30 * SECOND).microjoules // 10**6
    assert tiers == ["counter"] * 3
    # Over the wrap as after it: 94 W, a busy server processor.
    assert joules == 1412 + 1413 + 1


def test_a_working_laptops_package_and_memory_are_summed_and_its_cores_are_not(tmp_path: Path) -> None:
    recorded = load("rapl-recorded-load.json")
    first, last = recorded["rows"][0], recorded["rows"][-1]

    def show(row: list[int]) -> None:
        for zone, name, place, span in (
            ("intel-rapl:0", "package-0", 1, recorded["range"]),
            ("intel-rapl:0:0", "core", 3, recorded["range"]),
            ("intel-rapl:0:1", "uncore", 4, recorded["range"]),
            ("intel-rapl:0:2", "dram", 2, DRAM_RANGE),
        ):
            write_zone(tmp_path, zone, name=name, energy_uj=row[place], range_uj=span)

    show(first)
    counter = RaplCounter(root=tmp_path)
    meter = make_meter(counter)
    for row in recorded["rows"]:
        show(row)
        meter.take(meter.read_sensors(), now_ns=round(row[0] * SECOND))

    assert counter.channels == ["intel-rapl:0 package-0", "intel-rapl:0:2 dram"]
    assert meter.reading(now_ns=SECOND).microjoules == last[1] + last[2] - first[1] - first[2]
    assert meter.tier == "counter"


def test_a_laptops_zones_are_read_as_the_kernel_shows_them(tmp_path: Path) -> None:
    for zone, name, shown, span, limit, most, short in load("rapl-recorded-tree.json")["rows"]:
        write_zone(tmp_path, zone, name=name, energy_uj=shown, range_uj=span)
        for file, value in (
            ("constraint_0_power_limit_uw", limit),
            ("constraint_0_max_power_uw", most),
            ("constraint_1_power_limit_uw", short),
        ):
            if value is not None:
                (tmp_path / zone / file).write_text(f"{value}\n")

    counter = RaplCounter(root=tmp_path)

    assert list(counter.read()) == [26963529117]
    # Three times the long-term limit of 200 W, and memory.
    assert counter.ceiling_watts == 700


def test_a_gpus_power_while_work_starts_is_integrated() -> None:
    rows: list[list[int]] = load("nvml-recorded-power.json")["rows"]

    class Devices:
        at = 0

        def energy_millijoules(self) -> Sequence[int]:
            raise MeterLost("Not Supported")

        def power_milliwatts(self) -> Sequence[int]:
            return [rows[self.at][1]]

        def limit_milliwatts(self) -> Sequence[int]:
            raise MeterLost("Not Supported")

    devices = Devices()
    parts, missing = energy.find_parts(rapl_root=Path("/nowhere"), devices=devices)
    meter = Meter(declared=Declared(idle_watts=10, busy_watts=50), parts=parts, started_ns=0)
    for devices.at, (nanoseconds, _) in enumerate(rows):
        meter.take(meter.read_sensors(), now_ns=nanoseconds)

    # By hand: sum of (p1 + p2) / 2 x dt over the recorded rows.
    by_hand = sum((b[1] + a[1]) / 2 * (b[0] - a[0]) / 1e6 for a, b in itertools.pairwise(rows))
    assert meter.reading(now_ns=rows[-1][0]).microjoules == pytest.approx(by_hand, rel=1e-6)
    assert [loss.source for loss in missing] == ["nvml-energy", "rapl"]
    assert (meter.tier, meter.describe()["level"]) == ("polled", "M1")


def test_a_gpus_counter_gives_the_joules_between_two_of_its_samples() -> None:
    class Device(Replayed):
        def energy_millijoules(self) -> Sequence[int]:
            return self._read(slice(1, 2))

        def power_milliwatts(self) -> Sequence[int]:
            return self._read(slice(2, 3))

        def limit_milliwatts(self) -> Sequence[int]:
            raise MeterLost("not recorded")

    rows: list[list[int]] = load("nvml-recorded-counter.json")["rows"]
    device = Device([list(row) for row in rows])
    parts, missing = energy.find_parts(rapl_root=Path("/nowhere"), devices=device)
    meter = Meter(declared=Declared(idle_watts=10, busy_watts=200), parts=parts, started_ns=0)
    readings = []
    for device.at, (milliseconds, _, _) in enumerate(rows):
        now_ns = (milliseconds - rows[0][0]) * 10**6
        meter.take(meter.read_sensors(), now_ns=now_ns)
        readings.append(meter.reading(now_ns=now_ns))

    # From the fourth sample to the sixteenth the card works: 66 W for 2.402 s.
    first, last = readings[3], readings[15]
    assert last.microjoules - first.microjoules == (2740999774 - 2740840131) * 1000 == 159_643_000
    assert last.span_ms - first.span_ms == 2402
    assert readings[-1].microjoules == (rows[-1][1] - rows[0][1]) * 1000
    assert {reading.tier for reading in readings} == {"counter"}
    assert (meter.describe()["level"], meter.measured_by) == ("M2", ["nvml-energy"])
    assert [loss.source for loss in missing] == ["rapl"]


@pytest.mark.parametrize(("process", "running"), [(0, 0), (1, 0), (0, 1)])
def test_an_accelerators_counter_that_stood_still_is_given_up(process: int, running: int) -> None:
    shown = [row[process] for row in load("counter-recorded-stuck.json")["rows"]]
    readings = [(float(second), [value]) for second, value in enumerate(shown * 2)]
    meter = make_meter(Channel())
    meter.set_running(running, now_ns=0)

    tiers = replay(meter, readings)

    # At work within four seconds, otherwise after ten: what stood still is filled with what is declared.
    fell = tiers.index("declared")
    assert fell == (4 if running else 11)
    assert meter.reading(now_ns=fell * SECOND).microjoules >= fell * (500 if running else 100) * 10**6
    (loss,) = meter.lost
    assert loss.reason == "device stands still"


def test_one_device_that_stands_still_does_not_hide_behind_another() -> None:
    class Two(Channel):
        channels = ("gpu0", "gpu1")

        def advance(self, raw: Sequence[int], *, now_ns: int) -> Sequence[int]:
            return raw

    meter = make_meter(Two())
    replay(meter, [(second, [0, 80_000_000 if second else 0]) for second in range(12)])

    assert [loss.reason for loss in meter.lost] == ["gpu0 stands still"]
    # The other one's joules stay, and only what the declared figure has in addition is added.
    assert meter.reading(now_ns=11 * SECOND).microjoules == 11 * 100 * 10**6


def test_memory_that_never_counts_does_not_cost_the_tier(tmp_path: Path) -> None:
    write_zone(tmp_path, "intel-rapl:0", name="package-0", energy_uj=1, range_uj=10**12)
    write_zone(tmp_path, "intel-rapl:0:0", name="dram", energy_uj=0, range_uj=10**12)
    meter = make_meter(RaplCounter(root=tmp_path))

    tiers = replay(meter, [(second, [50_000_000 * second, 0]) for second in range(40)])

    assert set(tiers) == {"counter"}


@pytest.mark.parametrize("leap", [10**12, 4_000 * 10**6], ids=["at once", "a little each time"])
def test_more_than_can_be_drawn_is_not_believed(leap: int) -> None:
    meter = make_meter(Channel(ceiling_watts=700))
    shown, readings = 1000, [(0.0, [1000])]
    for step in range(1, 20):
        shown += leap if step > 3 else 300 * 10**6
        readings.append((float(step), [shown]))

    tiers = replay(meter, readings)

    assert tiers[3] == "counter"
    assert tiers[-1] == "declared"
    assert meter.lost[0].reason == "it shows more than the 700 W that can be drawn"
    assert meter.reading(now_ns=20 * SECOND).microjoules < 20 * 1400 * 10**6


def test_a_processors_counter_that_fell_back_is_no_wrap(tmp_path: Path) -> None:
    write_zone(tmp_path, "intel-rapl:0", name="package-0", energy_uj=1, range_uj=262143328850)
    meter = make_meter(RaplCounter(root=tmp_path))

    # Awake again after a suspension: the counter begins anew.
    tiers = replay(meter, [(0, [9_000_000_000]), (1, [9_050_000_000]), (2, [1_000])])

    assert tiers == ["counter", "counter", "declared"]
    assert meter.reading(now_ns=2 * SECOND).microjoules == 50_000_000 + 100_000_000

"""Energy: what sensors show, what their loss means, and what is declared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent import energy, sources
from agent.energy import Meter, Part
from agent.sources import Declared, MeterLost

SECOND = 10**9
FIXTURES = Path(__file__).parent / "fixtures"


def load(name: str) -> dict[str, Any]:
    return dict(json.loads((FIXTURES / name).read_text()))


def write_zone(root: Path, zone: str, *, name: str, energy_uj: int, range_uj: int) -> None:
    folder = root / zone
    folder.mkdir(exist_ok=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")


def write_row(root: Path, ranges: list[int], row: list[int]) -> None:
    write_zone(root, "intel-rapl:0", name="package-0", energy_uj=row[1], range_uj=ranges[0])
    # Part of the package already: must not be counted twice.
    write_zone(root, "intel-rapl:0:0", name="core", energy_uj=row[1] // 2, range_uj=ranges[0])
    write_zone(root, "intel-rapl:0:2", name="dram", energy_uj=row[2], range_uj=ranges[1])


class Replayed:
    """Accelerators that show one row of a fixture after the other."""

    def __init__(self, rows: list[list[int | None]]) -> None:
        self.rows = rows
        self.at = 0

    def energy_millijoules(self) -> Sequence[int]:
        return self._read(slice(1, 3))

    def power_milliwatts(self) -> Sequence[int]:
        return self._read(slice(3, 5))

    def limit_milliwatts(self) -> Sequence[int]:
        return [70_000, 70_000]

    def _read(self, columns: slice) -> Sequence[int]:
        shown = self.rows[self.at][columns]
        if None in shown:
            raise MeterLost("gone")
        return [number for number in shown if number is not None]


def test_rapl_sums_package_and_memory_and_survives_the_wrap(tmp_path: Path) -> None:
    recorded = load("rapl.json")
    write_row(tmp_path, recorded["ranges"], recorded["rows"][0])
    counter = sources.RaplCounter(root=tmp_path)

    deltas = []
    for row in recorded["rows"]:
        write_row(tmp_path, recorded["ranges"], row)
        deltas.append(sum(counter.advance(counter.read(), now_ns=int(row[0] * SECOND))))

    assert deltas == recorded["microjoules"]


@pytest.mark.parametrize("broken", ["missing", "empty", "unreadable"])
def test_rapl_that_is_not_there_is_said_to_be_lost(tmp_path: Path, broken: str) -> None:
    root = tmp_path / "powercap"
    if broken != "missing":
        root.mkdir()
    if broken == "unreadable":
        write_zone(root, "intel-rapl:0", name="package-0", energy_uj=1, range_uj=10)
        (root / "intel-rapl:0" / "energy_uj").write_text("not a number")

    with pytest.raises(MeterLost):
        sources.RaplCounter(root=root)


def make_meter(devices: Replayed, tmp_path: Path) -> Meter:
    parts, _ = energy.find_parts(rapl_root=tmp_path / "none", devices=devices)
    return Meter(declared=Declared(idle_watts=100, busy_watts=500), parts=parts, started_ns=0)


def sample(meter: Meter, *, at: int) -> None:
    meter.take(meter.read_sensors(), now_ns=at * SECOND)


def test_a_counter_that_stands_still_falls_to_polling_and_then_to_what_is_declared(tmp_path: Path) -> None:
    devices = Replayed(load("nvml.json")["rows"])
    meter = make_meter(devices, tmp_path)

    tiers, joules = [], []
    for second in range(len(devices.rows)):
        devices.at = second
        sample(meter, at=second)
        reading = meter.reading(now_ns=second * SECOND)
        tiers.append(reading.tier)
        joules.append(reading.microjoules // 10**6)

    assert tiers == ["counter"] * 13 + ["polled"] * 3 + ["declared"] * 4
    assert joules[2] == 2 * 135
    # Eleven seconds stood still before it was believed: they are filled with the declared 100 W.
    assert joules[13] == 2 * 135 + 1100
    # The first polled reading starts the integral, two more are 135 W each.
    assert joules[15] == joules[13] + 135
    # Then 100 W declared, the second in which polling failed included.
    assert joules[19] == joules[15] + 4 * 100
    assert joules == sorted(joules)


def test_a_counter_that_falls_back_falls_down_a_tier(tmp_path: Path) -> None:
    devices = Replayed([[0, 5000, 5000, 1000, 1000], [1, 4000, 6000, 1000, 1000]])
    meter = make_meter(devices, tmp_path)

    for devices.at in (0, 1):
        sample(meter, at=devices.at)

    assert meter.tier == "polled"


def test_without_sensors_everything_is_declared_and_follows_the_jobs(tmp_path: Path) -> None:
    meter = Meter(
        declared=Declared(idle_watts=100, busy_watts=500),
        parts=energy.find_parts(rapl_root=tmp_path, devices=None)[0],
        started_ns=0,
    )

    meter.set_running(1, now_ns=10 * SECOND)
    at_start = meter.job_microjoules(now_ns=10 * SECOND)
    meter.set_running(2, now_ns=12 * SECOND)
    meter.set_running(0, now_ns=16 * SECOND)
    reading = meter.reading(now_ns=20 * SECOND)

    assert reading == energy.Reading((10 * 100 + 6 * 500 + 4 * 100) * 10**6, "declared", 20_000)
    # Two seconds alone, then four shared by two.
    assert meter.job_microjoules(now_ns=20 * SECOND) - at_start == (2 * 500 + 4 * 250) * 10**6


def test_the_weakest_part_names_the_tier(tmp_path: Path) -> None:
    recorded = load("rapl.json")
    write_row(tmp_path, recorded["ranges"], recorded["rows"][0])
    power = sources.AcceleratorPower(devices=Replayed([[0, 1, 1, 1000, 1000]]))

    meter = Meter(
        declared=Declared(idle_watts=1, busy_watts=2),
        parts=[Part("processor", [sources.RaplCounter(root=tmp_path)]), Part("accelerators", [power])],
        started_ns=0,
    )

    assert meter.tier == "polled"

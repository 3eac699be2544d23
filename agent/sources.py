"""
Ways to know the energy of one part of a machine: processor counters (RAPL), accelerators (NVML), declared.

Reading a sensor blocks and happens in a thread (`read`); what the numbers mean is pure (`advance`) and is
tested on recorded readings. A source has channels (packages, memories, devices), each of which must move by
itself: one device that stands still would hide behind another one's growth.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# Boards exceed their power limit for moments, and counters are refreshed a little late.
LIMIT_TIMES = 1.5
# Short-term limits of processors lie above the long-term one, and firmware sets both generously or never.
RAPL_LIMIT_TIMES = 3
MEMORY_WATTS = 100

log = logging.getLogger("jouleport.agent.energy")


class MeterLost(Exception):
    """A sensor is not there, cannot be read, or shows something impossible."""


class Source(Protocol):
    """One way to know the energy of one part of the machine."""

    tier: str
    name: str
    optional: frozenset[int]
    """Channels that some machines have without ever counting in them."""
    ceiling_watts: float | None
    """More than all channels together can draw; None where nobody says."""

    @property
    def channels(self) -> Sequence[str]:
        """What is counted one by one."""

    def read(self) -> Sequence[int]:
        """Read the raw numbers; may block. :raises MeterLost:"""

    def advance(self, raw: Sequence[int], *, now_ns: int) -> Sequence[int]:
        """Give each channel's microjoules since the last call (0 at the first). :raises MeterLost:"""


class RaplCounter:
    """
    The processor's energy counters under /sys/class/powercap, in microjoules.

    Packages and memory are summed; the parts inside a package (cores, uncore) are in it already, and psys
    has the packages in it. A counter that wraps around is carried on with its `max_energy_range_uj`; one that
    fell back for another reason looks like a wrap of impossible size, and the ceiling refuses it.

    :raises MeterLost: there is no package, or it cannot be read
    """

    tier = "counter"
    name = "rapl"

    def __init__(self, *, root: Path) -> None:
        zones = sorted(root.glob("intel-rapl:*")) if root.is_dir() else []
        counted = [(zone, name) for zone in zones if _is_counted(name := _read_name(zone))]
        if not any(name.startswith("package") for _, name in counted):
            raise MeterLost(f"no RAPL package under {root}")
        self._files = [zone / "energy_uj" for zone, _ in counted]
        self._ranges = [_read_number(file.with_name("max_energy_range_uj")) for file in self._files]
        if 0 in self._ranges:
            raise MeterLost("a RAPL counter does not say where it wraps around")
        self.channels = [f"{zone.name} {name}" for zone, name in counted]
        self.optional = frozenset(place for place, (_, name) in enumerate(counted) if name == "dram")
        self.ceiling_watts = _find_ceiling([zone for zone, name in counted if name != "dram"])
        self._last: Sequence[int] | None = None
        self.read()

    def read(self) -> Sequence[int]:
        """Read every counted zone. :raises MeterLost:"""
        return [_read_number(file) for file in self._files]

    def advance(self, raw: Sequence[int], *, now_ns: int) -> Sequence[int]:
        """Give the growth of each zone."""
        last, self._last = self._last or raw, raw
        # Counters run from 0 to the range inclusive, so one wrap is range + 1 steps.
        return [
            (new - old) if new >= old else (new + span + 1 - old)
            for new, old, span in zip(raw, last, self._ranges, strict=True)
        ]


def _read_name(zone: Path) -> str:
    try:
        return (zone / "name").read_text().strip()
    except OSError:
        return ""


def _is_counted(name: str) -> bool:
    return name.startswith("package") or name == "dram"


def _find_ceiling(packages: Sequence[Path]) -> float | None:
    """Several times the highest limit the firmware states; None if one package states none."""
    total = 0.0
    for zone in packages:
        limits = [_read_limit(file) for file in zone.glob("constraint_*_uw")]
        if not any(limits):
            return None
        total += RAPL_LIMIT_TIMES * max(limits) / 1_000_000 + MEMORY_WATTS
    return total


def _read_limit(file: Path) -> int:
    # Some constraints exist and answer "No data available".
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def _read_number(file: Path) -> int:
    try:
        return int(file.read_text())
    except PermissionError as error:
        raise MeterLost(
            f"{file} may be read by root alone (see the service's CAP_DAC_READ_SEARCH)"
        ) from error
    except (OSError, ValueError) as error:
        raise MeterLost(f"{file} cannot be read") from error


class Accelerators(Protocol):
    """What is used of NVML; the real one is in `agent.nvml`. Each call may raise MeterLost."""

    def energy_millijoules(self) -> Sequence[int]:
        """Energy of each device since its driver was loaded."""

    def power_milliwatts(self) -> Sequence[int]:
        """Power each device draws now."""

    def limit_milliwatts(self) -> Sequence[int]:
        """Power each device is held to."""


class _AcceleratorSource:
    """What both ways to read accelerators share."""

    name: str
    optional: frozenset[int] = frozenset()

    def __init__(self, *, devices: Accelerators) -> None:
        self._devices = devices
        self.channels: Sequence[str] = [f"gpu{place}" for place in range(len(self.read()))]
        try:
            self.ceiling_watts: float | None = LIMIT_TIMES * sum(devices.limit_milliwatts()) / 1000
        except MeterLost as error:
            log.info("no power limit", extra={"source": self.name, "reason": str(error)})
            self.ceiling_watts = None

    def read(self) -> Sequence[int]:
        """Read every device. :raises MeterLost:"""
        raise NotImplementedError


class AcceleratorCounter(_AcceleratorSource):
    """NVML's energy counters, in millijoules since the driver was loaded."""

    tier = "counter"
    name = "nvml-energy"

    def __init__(self, *, devices: Accelerators) -> None:
        super().__init__(devices=devices)
        self._last: Sequence[int] | None = None

    def read(self) -> Sequence[int]:
        """Read every device's counter. :raises MeterLost:"""
        return self._devices.energy_millijoules()

    def advance(self, raw: Sequence[int], *, now_ns: int) -> Sequence[int]:
        """Give the growth of each device. :raises MeterLost: one fell back, or a device went away"""
        last, self._last = self._last or raw, raw
        if len(raw) != len(last) or any(new < old for new, old in zip(raw, last, strict=True)):
            raise MeterLost("an accelerator's energy counter fell back")
        return [1000 * (new - old) for new, old in zip(raw, last, strict=True)]


class AcceleratorPower(_AcceleratorSource):
    """NVML's power readings, integrated by the trapezoid rule."""

    tier = "polled"
    name = "nvml-power"

    def __init__(self, *, devices: Accelerators) -> None:
        super().__init__(devices=devices)
        self._last: tuple[Sequence[int], int] | None = None

    def read(self) -> Sequence[int]:
        """Read every device's power. :raises MeterLost:"""
        return self._devices.power_milliwatts()

    def advance(self, raw: Sequence[int], *, now_ns: int) -> Sequence[int]:
        """Give each device's energy since the last reading. :raises MeterLost: a device went away"""
        (before, then), self._last = self._last or (raw, now_ns), (raw, now_ns)
        if len(raw) != len(before):
            raise MeterLost("an accelerator went away")
        # Milliwatts times nanoseconds are picojoules; two ends, so half of their sum.
        return [
            (new + old) * max(now_ns - then, 0) // 2_000_000 for new, old in zip(raw, before, strict=True)
        ]


@dataclass(slots=True)
class Declared:
    """
    What the owner declares: `idle` watts without work, `busy` watts while at least one job runs.

    Busy does not grow with the number of jobs: a machine that serves many at once draws little
    more than for one, which is why serving many costs less energy each.
    """

    idle_watts: float
    busy_watts: float
    running: int = 0
    running_since_ns: int = 0
    last_ns: int | None = None

    def advance(self, *, now_ns: int) -> int:
        """Give the microjoules since the last call."""
        last, self.last_ns = self.last_ns, now_ns
        if last is None:
            return 0
        watts = self.busy_watts if self.running else self.idle_watts
        return round(watts * max(now_ns - last, 0) / 1000)

    def set_running(self, running: int, *, now_ns: int) -> None:
        """Say how many jobs run from now on."""
        if running and not self.running:
            self.running_since_ns = now_ns
        self.running = running

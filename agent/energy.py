"""
How much energy this machine has used, and how well that is known.

Three tiers, best first: `counter` (a hardware energy counter: RAPL, NVML), `polled` (power read
many times a second and integrated), `declared` (what the owner says it draws idle and busy). A
source that disappears or stands still falls down one tier; the span it missed is filled with the
declared figure, and every reading names the tier it was made at. A machine may have several parts
(processor, accelerators): their joules are summed and the weakest tier among them is named.

Reading a sensor blocks and happens in a thread (`Source.read`); what the numbers mean is pure
(`Source.advance`) and is tested on recorded readings. Times are nanoseconds of a monotonic clock.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

TIERS = ("declared", "polled", "counter")
SAMPLE_SECONDS = 0.2
# Counters are refreshed every 20 to 100 ms, and no machine that is on draws nothing for this long.
STUCK_SECONDS = 10
NANOS = 10**9

log = logging.getLogger("jouleport.agent.energy")


class MeterLost(Exception):
    """A sensor is not there, cannot be read, or shows something impossible."""


class Source(Protocol):
    """One way to know the energy of one part of the machine."""

    tier: str
    name: str

    def read(self) -> Sequence[int]:
        """Read the raw numbers; may block. :raises MeterLost:"""

    def advance(self, raw: Sequence[int], *, now_ns: int) -> int:
        """Give the microjoules since the last call (0 at the first). :raises MeterLost:"""


class RaplCounter:
    """
    The processor's energy counters under /sys/class/powercap, in microjoules.

    Packages and memory are summed; the parts inside a package (cores, uncore) are in it already.
    A counter that wraps around is carried on with its `max_energy_range_uj`.
    """

    tier = "counter"
    name = "rapl"

    def __init__(self, *, root: Path) -> None:
        zones = sorted(root.glob("intel-rapl:*")) if root.is_dir() else []
        self._files = [zone / "energy_uj" for zone in zones if _is_counted(zone)]
        if not self._files:
            raise MeterLost(f"no RAPL package under {root}")
        self._ranges = [_read_number(file.with_name("max_energy_range_uj")) for file in self._files]
        self._last: Sequence[int] | None = None
        self.read()

    def read(self) -> Sequence[int]:
        return [_read_number(file) for file in self._files]

    def advance(self, raw: Sequence[int], *, now_ns: int) -> int:
        last, self._last = self._last, raw
        if last is None:
            return 0
        # Counters run from 0 to the range inclusive, so one wrap is range + 1 steps.
        return sum(
            (new - old) if new >= old else (new + span + 1 - old)
            for new, old, span in zip(raw, last, self._ranges, strict=True)
        )


def _is_counted(zone: Path) -> bool:
    try:
        name = (zone / "name").read_text().strip()
    except OSError:
        return False
    return name.startswith("package") or name == "dram"


def _read_number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError) as error:
        raise MeterLost(f"{file} cannot be read") from error


class Accelerators(Protocol):
    """What is used of NVML; the real one is in `agent.nvml`. Each call may raise MeterLost."""

    def energy_millijoules(self) -> Sequence[int]:
        """Energy of each device since its driver was loaded."""

    def power_milliwatts(self) -> Sequence[int]:
        """Power each device draws now."""


class AcceleratorCounter:
    """NVML's energy counters, in millijoules since the driver was loaded."""

    tier = "counter"
    name = "nvml-energy"

    def __init__(self, *, devices: Accelerators) -> None:
        self._devices = devices
        self._last: Sequence[int] | None = None

    def read(self) -> Sequence[int]:
        return self._devices.energy_millijoules()

    def advance(self, raw: Sequence[int], *, now_ns: int) -> int:
        last, self._last = self._last, raw
        if last is None:
            return 0
        if len(raw) != len(last) or any(new < old for new, old in zip(raw, last, strict=True)):
            raise MeterLost("an accelerator's energy counter fell back")
        return 1000 * (sum(raw) - sum(last))


class AcceleratorPower:
    """NVML's power readings, integrated by the trapezoid rule."""

    tier = "polled"
    name = "nvml-power"

    def __init__(self, *, devices: Accelerators) -> None:
        self._devices = devices
        self._last: tuple[int, int] | None = None

    def read(self) -> Sequence[int]:
        return self._devices.power_milliwatts()

    def advance(self, raw: Sequence[int], *, now_ns: int) -> int:
        milliwatts = sum(raw)
        last, self._last = self._last, (milliwatts, now_ns)
        if last is None:
            return 0
        # Milliwatts times nanoseconds are picojoules; two ends, so half of their sum.
        return (milliwatts + last[0]) * max(now_ns - last[1], 0) // 2_000_000


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
    last_ns: int | None = None

    def advance(self, *, now_ns: int) -> int:
        """Give the microjoules since the last call."""
        last, self.last_ns = self.last_ns, now_ns
        if last is None:
            return 0
        watts = self.busy_watts if self.running else self.idle_watts
        return round(watts * max(now_ns - last, 0) / 1000)


@dataclass(slots=True)
class Part:
    """One part of the machine and the ways to know its energy, best first."""

    name: str
    sources: list[Source]
    unseen: int = 0
    grown_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """Microjoules since the meter began, the tier they are known at, and the span in milliseconds."""

    microjoules: int
    tier: str
    span_ms: int

    def as_control(self) -> dict[str, int | str]:
        """The form it has inside frames."""
        return {"microjoules": self.microjoules, "tier": self.tier, "span_ms": self.span_ms}


@dataclass(slots=True)
class Meter:
    """Sums the parts; falls back to the declared figure when a part has no source left."""

    declared: Declared
    parts: list[Part]
    started_ns: int
    _microjoules: int = 0
    _per_job: int = 0
    _shared: int = 0
    _fallen: bool = field(default=False)

    def __post_init__(self) -> None:
        self.declared.advance(now_ns=self.started_ns)
        self._fallen = not self.parts

    @property
    def tier(self) -> str:
        """The tier of the next reading."""
        if self._fallen:
            return "declared"
        return min((part.sources[0].tier for part in self.parts), key=TIERS.index)

    def set_running(self, running: int, *, now_ns: int) -> None:
        """Say how many jobs run from now on."""
        self.reading(now_ns=now_ns)
        self._share_out()
        self.declared.running = running

    def job_microjoules(self, *, now_ns: int) -> int:
        """A running total that grows by each window's joules divided by the jobs that ran in it."""
        self.reading(now_ns=now_ns)
        self._share_out()
        return self._per_job

    def reading(self, *, now_ns: int) -> Reading:
        """The figure as it stands. Sensors are not read here: they may block."""
        if self._fallen:
            self._microjoules += self.declared.advance(now_ns=now_ns)
        return Reading(self._microjoules, self.tier, max(now_ns - self.started_ns, 0) // 1_000_000)

    def take(self, raw: Sequence[Sequence[int] | MeterLost], *, now_ns: int) -> None:
        """Count what the sensors of all parts showed at `now_ns`, in the order of `parts`."""
        declared = self.declared.advance(now_ns=now_ns)
        if self._fallen:
            self._microjoules += declared
            return
        for part, numbers in zip(self.parts, raw, strict=True):
            self._microjoules += self._take_part(part, numbers, declared=declared, now_ns=now_ns)

    def _take_part(
        self, part: Part, numbers: Sequence[int] | MeterLost, *, declared: int, now_ns: int
    ) -> int:
        part.unseen += declared
        try:
            if isinstance(numbers, MeterLost):
                raise numbers
            grown = part.sources[0].advance(numbers, now_ns=now_ns)
            if grown > 0 or part.grown_ns is None:
                part.unseen, part.grown_ns = 0, now_ns
            elif now_ns - part.grown_ns > STUCK_SECONDS * NANOS:
                raise MeterLost("the figure stands still")
        except MeterLost as error:
            return self._fall(part, error, now_ns=now_ns)
        return grown

    def _fall(self, part: Part, reason: MeterLost, *, now_ns: int) -> int:
        lost = part.sources.pop(0)
        missed, part.unseen, part.grown_ns = part.unseen, 0, now_ns
        if not part.sources:
            self._fallen = True
        log.warning(
            "energy source lost",
            extra={"source": lost.name, "part": part.name, "reason": str(reason), "tier": self.tier},
        )
        return missed

    def _share_out(self) -> None:
        new, self._shared = self._microjoules - self._shared, self._microjoules
        if self.declared.running:
            self._per_job += new // self.declared.running

    async def run(self) -> None:
        """Read the sensors until cancelled; does nothing where everything is declared."""
        while not self._fallen:
            raw = await asyncio.to_thread(self.read_sensors)
            self.take(raw, now_ns=time.monotonic_ns())
            await asyncio.sleep(SAMPLE_SECONDS)

    def read_sensors(self) -> list[Sequence[int] | MeterLost]:
        """Read every part's best sensor, for `take`; blocks."""
        if self._fallen:
            return []
        raw: list[Sequence[int] | MeterLost] = []
        for part in self.parts:
            try:
                raw.append(part.sources[0].read())
            except MeterLost as error:
                raw.append(error)
        return raw


def find_parts(*, rapl_root: Path, devices: Accelerators | None) -> list[Part]:
    """
    Find the sensors of this machine. An empty list means that everything is declared.

    Where there are accelerators they are what the work runs on; a processor alone counts only
    where there is none, or together with them.
    """
    parts: list[Part] = []
    if devices is not None:
        sources: list[Source] = []
        for source in (AcceleratorCounter(devices=devices), AcceleratorPower(devices=devices)):
            try:
                source.read()
            except MeterLost as error:
                log.info("energy source missing", extra={"source": source.name, "reason": str(error)})
            else:
                sources.append(source)
        if not sources:
            return []
        parts.append(Part("accelerators", sources))
    try:
        parts.append(Part("processor", [RaplCounter(root=rapl_root)]))
    except MeterLost as error:
        log.info("energy source missing", extra={"source": RaplCounter.name, "reason": str(error)})
    return parts

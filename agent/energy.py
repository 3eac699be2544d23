"""
How much energy this machine has used, and how well that is known.

Three tiers, best first: `counter` (a hardware energy counter: RAPL, NVML), `polled` (power read
many times a second and integrated), `declared` (what the owner says it draws idle and busy). A
source that disappears, stands still or shows the impossible falls down one tier; the span it missed
is filled with the declared figure, the reason is logged and reported, and every reading names the
tier it was made at. A machine may have several parts (processor, accelerators): their joules are
summed and the weakest tier among them is named.

The clock is an argument: nanoseconds of a monotonic clock. The sensors are in `agent.sources`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.sources import (
    AcceleratorCounter,
    AcceleratorPower,
    Accelerators,
    Declared,
    MeterLost,
    RaplCounter,
    Source,
)

TIERS = ("declared", "polled", "counter")
# The same tiers by the short names that energy people use.
SHORT_NAMES = {"declared": "M0", "polled": "M1", "counter": "M2"}
SAMPLE_SECONDS = 0.2
# Counters are refreshed every 20 to 100 ms, and no machine that is on draws nothing for this long.
STUCK_SECONDS = 10
STUCK_SECONDS_AT_WORK = 3
# Where no limit is known, this many times what the owner declares is beyond belief.
CEILING_TIMES = 4
CEILING_WATTS_MIN = 1000
# How many seconds at the ceiling may come at once: a reading that was late is no lie.
CEILING_SECONDS = 2
NANOS = 10**9

log = logging.getLogger("jouleport.agent.energy")


@dataclass(slots=True)
class Mark:
    """A moment: when, and what was declared and counted in all until then."""

    at_ns: int
    declared: int
    counted: int


@dataclass(slots=True)
class Part:
    """One part of the machine and the ways to know its energy, best first."""

    name: str
    sources: list[Source]
    seen: Mark | None = None
    grown: list[Mark] = field(default_factory=list)
    silent: set[int] = field(default_factory=set)
    level: float = 0


@dataclass(frozen=True, slots=True)
class Loss:
    """A source that was given up, and why."""

    source: str
    part: str
    reason: str

    def as_control(self) -> dict[str, str]:
        """The form it has inside frames and in the status."""
        return {"source": self.source, "part": self.part, "reason": self.reason[:300]}


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
    lost: list[Loss] = field(default_factory=list)
    _microjoules: int = 0
    _declared: int = 0
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

    @property
    def measured_by(self) -> list[str]:
        """Names of the sources that count now; none where everything is declared."""
        return [] if self._fallen else [part.sources[0].name for part in self.parts]

    def describe(self) -> dict[str, Any]:
        """Say how the energy is known, for people."""
        return {
            "tier": self.tier,
            "level": SHORT_NAMES[self.tier],
            "sources": self.measured_by,
            "lost": [loss.as_control() for loss in self.lost],
        }

    def set_running(self, running: int, *, now_ns: int) -> None:
        """Say how many jobs run from now on."""
        self.reading(now_ns=now_ns)
        self._share_out()
        self.declared.set_running(running, now_ns=now_ns)

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
        self._declared += declared
        for part, numbers in zip(self.parts, raw, strict=True):
            try:
                self._microjoules += self._take_part(part, numbers, now_ns=now_ns)
            except _Missed as missed:
                self._fall(part, missed, now_ns=now_ns)

    def _take_part(self, part: Part, numbers: Sequence[int] | MeterLost, *, now_ns: int) -> int:
        """:raises _Missed: the source is lost"""
        source, before = part.sources[0], part.seen or self._mark(now_ns)
        try:
            if isinstance(numbers, MeterLost):
                raise numbers
            grown = source.advance(numbers, now_ns=now_ns)
        except MeterLost as error:
            raise _Missed(str(error), since=before) from error
        total = sum(grown)
        self._check_ceiling(part, total, since=before, now_ns=now_ns)
        mark = self._mark(now_ns, counted=total)
        if part.seen is None:
            part.grown = [mark] * len(grown)
        part.seen = mark
        for channel, microjoules in enumerate(grown):
            if microjoules > 0:
                part.grown[channel] = mark
                part.silent.discard(channel)
        self._check_standstill(part, now_ns=now_ns, total=total)
        return total

    def _mark(self, now_ns: int, *, counted: int = 0) -> Mark:
        return Mark(now_ns, self._declared, self._microjoules + counted)

    def _check_ceiling(self, part: Part, total: int, *, since: Mark, now_ns: int) -> None:
        """A bucket that empties at the ceiling: no leap and no steady excess passes. :raises _Missed:"""
        ceiling = part.sources[0].ceiling_watts
        if ceiling is None:
            ceiling = max(CEILING_TIMES * self.declared.busy_watts, CEILING_WATTS_MIN)
        drained = ceiling * max(now_ns - since.at_ns, 0) / 1000
        part.level = max(0.0, part.level + total - drained)
        if part.level > ceiling * CEILING_SECONDS * 1_000_000:
            raise _Missed(f"it shows more than the {ceiling:.0f} W that can be drawn", since=since)

    def _check_standstill(self, part: Part, *, now_ns: int, total: int) -> None:
        """:raises _Missed: a channel has not moved for too long"""
        source, work = part.sources[0], self.declared
        at_work = work.running and now_ns - work.running_since_ns > STUCK_SECONDS_AT_WORK * NANOS
        limit = STUCK_SECONDS_AT_WORK if at_work else STUCK_SECONDS
        for channel, mark in enumerate(part.grown):
            if now_ns - mark.at_ns <= limit * NANOS or channel in part.silent:
                continue
            if channel in source.optional:
                part.silent.add(channel)
                log.info("energy channel silent", extra={"channel": source.channels[channel]})
                continue
            # What the other channels counted in the last step is not lost with it.
            self._microjoules += total
            raise _Missed(f"{source.channels[channel]} stands still", since=mark)

    def _fall(self, part: Part, missed: _Missed, *, now_ns: int) -> None:
        """Give the source up; what it missed is the declared figure, less what was counted meanwhile."""
        lost = part.sources.pop(0)
        declared, counted = self._declared - missed.since.declared, self._microjoules - missed.since.counted
        self._microjoules += max(declared - counted, 0)
        part.seen, part.grown, part.level = None, [], 0
        part.silent.clear()
        if not part.sources:
            self._fallen = True
        self.lost.append(Loss(lost.name, part.name, str(missed)))
        log.warning(
            "energy source lost",
            extra={"source": lost.name, "part": part.name, "reason": str(missed), "tier": self.tier},
        )

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


class _Missed(Exception):
    """A source is lost, and nothing is known of its part since a moment."""

    def __init__(self, reason: str, *, since: Mark) -> None:
        super().__init__(reason)
        self.since = since


def find_parts(*, rapl_root: Path, devices: Accelerators | None) -> tuple[list[Part], list[Loss]]:
    """
    Find the sensors of this machine, and those that were looked for in vain. No part: everything is declared.

    Where there are accelerators they are what the work runs on; a processor alone counts only
    where there is none, or together with them.
    """
    parts: list[Part] = []
    missing: list[Loss] = []
    if devices is not None:
        sources: list[Source] = []
        for kind in (AcceleratorCounter, AcceleratorPower):
            try:
                sources.append(kind(devices=devices))
            except MeterLost as error:
                missing.append(Loss(kind.name, "accelerators", str(error)))
        if sources:
            parts.append(Part("accelerators", sources))
    if devices is None or parts:
        try:
            parts.append(Part("processor", [RaplCounter(root=rapl_root)]))
        except MeterLost as error:
            missing.append(Loss(RaplCounter.name, "processor", str(error)))
    for loss in missing:
        log.info("energy source missing", extra=loss.as_control())
    return parts, missing

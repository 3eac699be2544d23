"""
Who used how much of a node: chip-seconds and joules of attempts that run side by side.

Pure: the clock is an argument, in nanoseconds of a monotonic clock. Everything is counted in whole
numbers (attoseconds of a chip, microjoules), so that what is shared out and what is left over add
up exactly to what was there.

* **Chip-seconds** of an attempt = chips of its node x the integral of dt / (attempts running).
* **Joules**: each window between two readings of the agent's meter is shared out when it closes.
  Its idle part (declared idle watts x its length, never more than the window has) belongs to the
  slots in equal parts; the part of an empty slot is nobody's. The rest goes to the attempts by
  weighted tokens (uncached input 0.45, output 1, cached 0) that they made within the window. An
  attempt whose progress cannot be seen (an answer that is not streamed) counts as making tokens at
  the mean rate of those whose progress can, and where nobody's can, time decides.
* **A shared machine**: agents that declare one machine id measure the same joules. One of them
  leads and its windows count for all; the readings of the others are set aside. Where readings
  are only declared, each agent knows only its own work, and the others' part above their idle
  watts is added.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

WEIGHT_OUT = 20
WEIGHT_IN = 9  # 0.45 of an output token, in twentieths
ATTO = 10**18
NANOS_PER_SECOND = 10**9
# A measured window may exceed what a machine declares, but a reading beyond this many watts is a
# broken counter, and its joules are not shared out.
WATTS_MAX = 1_000_000
TIERS = ("declared", "polled", "counter")


@dataclass(slots=True, eq=False)
class Share:
    """One attempt's part: tokens seen so far, and what it has been given."""

    node: Node
    streamed: bool
    started_ns: int
    chips_at_start: int
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    counted_weight: int = 0
    microjoules: int = 0
    window_from_ns: int = 0
    tier: str = ""

    def weight(self) -> int:
        """Weighted tokens so far, in twentieths of an output token."""
        return WEIGHT_OUT * self.tokens_out + WEIGHT_IN * max(self.tokens_in - self.tokens_cached, 0)


@dataclass(frozen=True, slots=True)
class Used:
    """What an attempt used. `tier` is the weakest among the readings that were shared out."""

    chip_nanoseconds: int
    microjoules: int
    tier: str


@dataclass(slots=True, eq=False)
class Machine:
    """A computer with one meter; usually of one node."""

    nodes: list[Node] = field(default_factory=list)
    window_from_ns: int = 0
    tier: str = "declared"
    total_microjoules: int = 0
    idle_microjoules: int = 0
    finished_microjoules: int = 0

    def leader(self) -> Node | None:
        """The node whose meter counts: the best tier, then the longest connected."""
        return max(self.nodes, key=lambda node: TIERS.index(node.tier), default=None)


@dataclass(slots=True, eq=False)
class Chips:
    """The running integral of chips dt / attempts; two agents of one node share it while one leaves."""

    count: int
    at_ns: int
    running: int = 0
    attos: int = 0

    def advance(self, now_ns: int) -> int:
        """Give the integral up to now."""
        if self.running and now_ns > self.at_ns:
            elapsed = (now_ns - self.at_ns) * (ATTO // NANOS_PER_SECOND)
            self.attos += self.count * elapsed // self.running
        self.at_ns = max(now_ns, self.at_ns)
        return self.attos


@dataclass(slots=True, eq=False)
class Node:
    """One connected agent's node. `idle_microwatts` are what it declares to draw without work."""

    machine: Machine
    chips: Chips
    slots: int
    idle_microwatts: int
    tier: str = "declared"
    shares: set[Share] = field(default_factory=set)
    last_microjoules: int = 0
    last_reading_ns: int = 0


def join_machine(
    machine: Machine,
    *,
    chips: int,
    slots: int,
    idle_watts: float,
    tier: str,
    microjoules: int,
    now_ns: int,
    takes_over: Node | None = None,
) -> Node:
    """
    Add a node that has just connected; `microjoules` is its first reading, from which it counts.

    :param takes_over: the same node's earlier connection, whose chips these are too
    """
    node = Node(
        machine=machine,
        chips=takes_over.chips if takes_over else Chips(chips, now_ns),
        slots=max(slots, 1),
        idle_microwatts=round(idle_watts * 1_000_000),
        tier=tier,
        last_microjoules=microjoules,
        last_reading_ns=now_ns,
    )
    if not machine.nodes:
        machine.window_from_ns = now_ns
    machine.nodes.append(node)
    return node


def leave_machine(node: Node) -> None:
    """Take a node away whose connection ended; its attempts must have been finished before."""
    node.machine.nodes.remove(node)


def start_attempt(node: Node, *, streamed: bool, now_ns: int) -> Share:
    """Begin to share chips and joules with an attempt."""
    share = Share(
        node=node,
        streamed=streamed,
        started_ns=now_ns,
        chips_at_start=node.chips.advance(now_ns),
        window_from_ns=now_ns,
    )
    node.shares.add(share)
    node.chips.running += 1
    return share


def finish_attempt(share: Share, *, now_ns: int) -> Used:
    """
    Stop sharing with an attempt and say what it used.

    Joules since the last reading are not in it: take the reading that ends the attempt first.
    """
    node = share.node
    attos = node.chips.advance(now_ns) - share.chips_at_start
    if share in node.shares:
        node.shares.remove(share)
        node.chips.running -= 1
    node.machine.finished_microjoules += share.microjoules
    return Used(
        chip_nanoseconds=attos // (ATTO // NANOS_PER_SECOND),
        microjoules=share.microjoules,
        tier=share.tier or node.tier,
    )


def take_reading(node: Node, *, microjoules: int, tier: str, now_ns: int) -> None:
    """
    Close the window that ends with this reading and share its joules out.

    A counter that fell back or leapt beyond what a machine can draw starts anew from here.
    """
    machine = node.machine
    delta = microjoules - node.last_microjoules
    elapsed_ns = max(now_ns - node.last_reading_ns, 0)
    # Two readings may share a clock tick; a second is granted so that no honest one is lost.
    if not 0 <= delta <= WATTS_MAX * (elapsed_ns + NANOS_PER_SECOND) // 1000:
        delta = 0
    node.last_microjoules, node.last_reading_ns, node.tier = microjoules, now_ns, tier
    leader = machine.leader()
    if leader is None:
        return
    if node is leader:
        machine.tier = tier
        idle = node.idle_microwatts * max(now_ns - machine.window_from_ns, 0) // NANOS_PER_SECOND
        _share_out(machine, delta, idle=min(idle, delta), now_ns=now_ns)
        machine.window_from_ns = now_ns
    elif leader.tier == tier == "declared":
        own_idle = node.idle_microwatts * elapsed_ns // NANOS_PER_SECOND
        _share_out(machine, max(delta - own_idle, 0), idle=0, now_ns=now_ns, among=node.shares)


def _share_out(
    machine: Machine, microjoules: int, *, idle: int, now_ns: int, among: Iterable[Share] | None = None
) -> None:
    """Give every attempt its part of a window; what nobody gets is the machine's idle."""
    shares = list(among) if among is not None else [s for node in machine.nodes for s in node.shares]
    given = 0
    if idle:
        slots = sum(node.slots for node in machine.nodes)
        length = max(now_ns - machine.window_from_ns, 1)
        for share in shares:
            held = min(max(now_ns - max(share.started_ns, machine.window_from_ns), 0), length)
            part = idle * held // (max(slots, len(shares)) * length)
            share.microjoules += part
            given += part
    for share in shares:
        share.tier = min(share.tier or machine.tier, machine.tier, key=TIERS.index)
    weights = _weigh(shares, now_ns=now_ns)
    total = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        if total:
            part = (microjoules - idle) * weight // total
            share.microjoules += part
            given += part
    machine.total_microjoules += microjoules
    machine.idle_microjoules += microjoules - given


def _weigh(shares: list[Share], *, now_ns: int) -> list[int]:
    """The weight of each attempt in the window that closes now, in units that only compare."""
    spans = [max(now_ns - share.window_from_ns, 1) for share in shares]
    made = [max(share.weight() - share.counted_weight, 0) for share in shares]
    for share in shares:
        share.counted_weight = max(share.weight(), share.counted_weight)
        share.window_from_ns = now_ns
    seen = [(weight, span) for share, weight, span in zip(shares, made, spans, strict=True) if share.streamed]
    seen_weight, seen_span = sum(weight for weight, _ in seen), sum(span for _, span in seen)
    if not seen_weight:
        return spans
    return [
        weight * seen_span if share.streamed else seen_weight * span
        for share, weight, span in zip(shares, made, spans, strict=True)
    ]

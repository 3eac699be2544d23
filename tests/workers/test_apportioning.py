"""Sharing chips and joules: nothing appears, nothing is lost, and the parts are fair."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import apportioning
from workers.apportioning import Machine, Node, Share

SECOND = 10**9


def join(machine: Machine, *, slots: int = 4, tier: str = "counter", idle: float = 0, chips: int = 1) -> Node:
    return apportioning.join_machine(
        machine, chips=chips, slots=slots, idle_watts=idle, tier=tier, microjoules=0, now_ns=0
    )


def start(node: Node, *, at: int = 0, streamed: bool = True) -> Share:
    return apportioning.start_attempt(node, streamed=streamed, now_ns=at * SECOND)


def read(node: Node, *, joules: int, at: int, tier: str = "counter") -> None:
    apportioning.take_reading(node, microjoules=joules * 10**6, tier=tier, now_ns=at * SECOND)


def test_two_attempts_halve_the_chips_while_both_run() -> None:
    node = join(Machine(), chips=8)

    early = start(node, at=0)
    late = start(node, at=10)
    first = apportioning.finish_attempt(early, now_ns=20 * SECOND)
    second = apportioning.finish_attempt(late, now_ns=30 * SECOND)

    assert first.chip_nanoseconds == 8 * 15 * SECOND
    assert second.chip_nanoseconds == 8 * 15 * SECOND


def test_joules_follow_weighted_tokens() -> None:
    node = join(Machine())
    writer, reader = start(node), start(node)

    writer.tokens_out = 90
    reader.tokens_in, reader.tokens_cached = 400, 200
    read(node, joules=180, at=10)

    # 90 output tokens against 200 uncached input tokens at 0.45: equal.
    assert writer.microjoules == reader.microjoules == 90 * 10**6


def test_idle_joules_of_empty_slots_are_nobodys() -> None:
    machine = Machine()
    node = join(machine, slots=4, idle=40)
    only = start(node)

    only.tokens_out = 1
    read(node, joules=1000, at=10)

    # 400 J of idle over four slots, and the 600 J above it are its own.
    assert only.microjoules == (100 + 600) * 10**6
    assert machine.idle_microjoules == 300 * 10**6


def test_an_answer_that_is_not_streamed_counts_at_the_mean_rate() -> None:
    node = join(Machine())
    streamed, plain = start(node), start(node, streamed=False)

    streamed.tokens_out = 50
    read(node, joules=100, at=5)

    assert streamed.microjoules == plain.microjoules == 50 * 10**6


def test_a_counter_that_falls_back_starts_anew() -> None:
    node = join(Machine())
    share = start(node)

    read(node, joules=100, at=1)
    read(node, joules=10, at=2)
    read(node, joules=15, at=3)

    assert share.microjoules == 105 * 10**6


def test_a_leap_that_no_machine_can_make_is_not_shared() -> None:
    node = join(Machine())
    share = start(node)

    read(node, joules=10**9, at=1)

    assert share.microjoules == 0


def test_agents_of_one_machine_share_its_joules_once() -> None:
    machine = Machine()
    one, other = join(machine), join(machine)
    mine, theirs = start(one), start(other)

    for at in (1, 2, 3):
        read(one, joules=100 * at, at=at)
        read(other, joules=100 * at, at=at)

    assert mine.microjoules + theirs.microjoules == 300 * 10**6


def test_the_next_agent_leads_when_the_first_leaves() -> None:
    machine = Machine()
    one, other = join(machine), join(machine)
    theirs = start(other)
    read(one, joules=100, at=1)
    read(other, joules=100, at=1)

    apportioning.leave_machine(one)
    read(other, joules=250, at=2)

    assert theirs.microjoules == 250 * 10**6


def test_the_weakest_tier_of_its_windows_is_named() -> None:
    node = join(Machine())
    share = start(node)

    read(node, joules=10, at=1, tier="counter")
    read(node, joules=20, at=2, tier="polled")
    read(node, joules=30, at=3, tier="counter")

    assert apportioning.finish_attempt(share, now_ns=3 * SECOND).tier == "polled"


STEP = st.tuples(
    st.sampled_from(["start", "start_plain", "finish", "read", "tokens"]),
    st.integers(0, 3),
    st.integers(0, 5_000_000_000),
    st.integers(0, 900_000_000),
)


@given(
    steps=st.lists(STEP, max_size=60),
    nodes=st.integers(1, 3),
    idle=st.integers(0, 400),
    tier=st.sampled_from(["declared", "counter"]),
)
def test_shares_and_idle_add_up_to_what_was_read(
    steps: list[tuple[str, int, int, int]], nodes: int, idle: int, tier: str
) -> None:
    machine = Machine()
    members = [join(machine, idle=idle, tier=tier, slots=2, chips=3) for _ in range(nodes)]
    running: list[Share] = []
    counters, busy_ns, now, given_attos = [0] * nodes, [0] * nodes, 0, 0

    for action, which, elapsed, amount in steps:
        node = members[which % nodes]
        for index, member in enumerate(members):
            busy_ns[index] += elapsed if member.shares else 0
        now += elapsed
        if action.startswith("start"):
            streamed = action == "start"
            running.append(apportioning.start_attempt(node, streamed=streamed, now_ns=now))
        elif action == "finish" and running:
            share = running.pop(which % len(running))
            given_attos += apportioning.finish_attempt(share, now_ns=now).chip_nanoseconds
        elif action == "tokens" and running:
            running[which % len(running)].tokens_out += amount % 1000
        elif action == "read":
            counters[which % nodes] += amount
            apportioning.take_reading(node, microjoules=counters[which % nodes], tier=tier, now_ns=now)

    held = sum(share.microjoules for share in running) + machine.finished_microjoules
    given_attos += sum(apportioning.finish_attempt(share, now_ns=now).chip_nanoseconds for share in running)
    assert held + machine.idle_microjoules == machine.total_microjoules
    assert machine.idle_microjoules >= 0
    assert machine.total_microjoules <= sum(counters)
    # Each attempt's figure is cut to whole nanoseconds, so at most one each is lost.
    assert 0 <= 3 * sum(busy_ns) - given_attos <= 2 * len(steps) + 2


@pytest.mark.parametrize("attempts", [1, 3, 7])
def test_chip_seconds_of_all_attempts_are_those_of_the_chips(attempts: int) -> None:
    node = join(Machine(), chips=8)
    shares = [start(node) for _ in range(attempts)]

    used = [apportioning.finish_attempt(share, now_ns=70 * SECOND) for share in shares]

    total = sum(each.chip_nanoseconds for each in used)
    assert 8 * 70 * SECOND - attempts <= total <= 8 * 70 * SECOND

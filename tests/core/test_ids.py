"""Identifiers are version 7, in order, and not shared between processes."""

import os
import threading
import time
import uuid

import pytest

from core import ids


def test_an_identifier_is_a_uuid_of_version_seven() -> None:
    before = time.time_ns() // 1_000_000
    uid = ids.make_uid()
    after = time.time_ns() // 1_000_000

    assert (uid.version, uid.variant) == (7, uuid.RFC_4122)
    assert before <= uid.int >> 80 <= after + 1


def test_each_identifier_is_greater_than_the_one_before() -> None:
    made = [ids.make_uid() for _ in range(5_000)]

    assert made == sorted(set(made))


@pytest.mark.parametrize("step", [0, -1_000_000_000])
def test_identifiers_rise_when_the_clock_stands_still_or_is_set_back(
    monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    now = 1_800_000_000_000_000_000
    clock = (now + index * step for index in range(1_000))
    monkeypatch.setattr("core.ids.time.time_ns", lambda: next(clock))
    maker = ids.Uuid7Maker()

    made = [maker.make() for _ in range(1_000)]

    assert made == sorted(set(made))


def test_a_counter_that_is_full_moves_on_to_the_next_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.ids.time.time_ns", lambda: 1_800_000_000_000_000_000)
    maker = ids.Uuid7Maker()
    first = maker.make()
    maker._counter = (1 << ids.COUNTER_BITS) - 1

    second = maker.make()

    assert (second.int >> 80) - (first.int >> 80) == 1
    assert second > first


def test_threads_never_make_the_same_identifier() -> None:
    made: list[uuid.UUID] = []

    def make_many() -> None:
        made.extend([ids.make_uid() for _ in range(1_000)])

    threads = [threading.Thread(target=make_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(made)) == 4_000


def test_a_forked_process_starts_a_count_of_its_own() -> None:
    before = ids._maker
    ids._start_afresh()

    assert ids._maker is not before
    assert hasattr(os, "register_at_fork")

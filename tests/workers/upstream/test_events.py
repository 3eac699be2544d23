"""Events come out the same however the network cuts the bytes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.upstream.events import EventReader, EventTooLong, EventUnreadable

PAYLOADS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20), max_size=8)
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@given(payloads=PAYLOADS, line_end=LINE_ENDS, cuts=st.lists(st.integers(0, 300), max_size=12))
def test_gives_every_payload_across_any_cuts(payloads: list[str], line_end: str, cuts: list[int]) -> None:
    stream = "".join(f"data: {payload}{line_end}{line_end}" for payload in payloads).encode()
    reader = EventReader()
    edges = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})

    given_out = [out for a, b in pairwise(edges) for out in reader.feed(stream[a:b])]
    given_out += reader.finish()

    assert given_out == [payload.encode() for payload in payloads]


def test_drops_comments_and_joins_data_lines() -> None:
    reader = EventReader()

    given_out = reader.feed(b": keep-alive\n\nevent: x\nid: 7\ndata: one\ndata:two\n\n\n\ndata\n\n")

    assert given_out == [b"one two", b""]


@pytest.mark.parametrize("garbage", [b"\xff\xfe", b"HTTP/1.1 200 OK", b'{"x":1}', b"error: broken"])
def test_refuses_a_line_that_is_no_field(garbage: bytes) -> None:
    reader = EventReader()

    with pytest.raises(EventUnreadable):
        reader.feed(garbage + b"\ndata: 1\n\n")


@pytest.mark.parametrize("tail", [b"", b"\n\n"])
def test_refuses_an_event_beyond_the_limit(tail: bytes) -> None:
    reader = EventReader(limit=10)

    with pytest.raises(EventTooLong):
        reader.feed(b"data: 0123456789" + tail)


def test_a_dripping_line_costs_no_more_than_a_flowing_one() -> None:
    reader = EventReader(limit=200_000)

    for _ in range(200_000):
        assert reader.feed(b"x") == []

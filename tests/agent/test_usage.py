"""Token counts as the model server says them, read while the bytes pass."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent import usage
from agent.usage import Usage, UsageReader

STREAM = (
    b'data: {"choices":[{"delta":{"content":"\\"usage\\""}}],"usage":null}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,'
    b'"prompt_tokens_details":{"cached_tokens":2}}}\n\n'
    b"data: [DONE]\n\n"
)


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_a_stream_may_be_cut_anywhere(cuts: list[int]) -> None:
    reader = UsageReader(streamed=True)
    edges = [0, *sorted(cuts), len(STREAM)]

    for start, end in pairwise(edges):
        reader.feed(STREAM[start:end])

    assert reader.finish() == Usage(tokens_in=7, tokens_cached=2, tokens_out=3)


def test_the_last_of_growing_figures_counts() -> None:
    reader = UsageReader(streamed=True)

    for number in (1, 2, 3):
        reader.feed(b'data: {"usage":{"prompt_tokens":5,"completion_tokens":%d}}\n\n' % number)

    assert reader.finish() == Usage(tokens_in=5, tokens_cached=None, tokens_out=3)


def test_zero_is_a_count_and_nothing_is_none() -> None:
    zero, nothing = UsageReader(streamed=False), UsageReader(streamed=False)

    zero.feed(b'{"usage":{"prompt_tokens":0,"completion_tokens":0}}')
    nothing.feed(b'{"choices":[]}')

    assert zero.finish() == Usage(tokens_in=0, tokens_cached=None, tokens_out=0)
    assert nothing.finish() == Usage()


def test_memory_is_bounded_and_a_line_too_long_is_skipped() -> None:
    reader = UsageReader(streamed=True)

    for _ in range(3 * usage.LINE_BYTES_MAX // 65536):
        reader.feed(b"x" * 65536)
    reader.feed(b"\n" + STREAM)

    assert reader.finish().tokens_out == 3


@given(text=st.binary(max_size=300), streamed=st.booleans())
def test_garbage_claims_nothing(text: bytes, streamed: bool) -> None:
    reader = UsageReader(streamed=streamed)

    reader.feed(b"data: " + text if streamed else text)

    assert reader.finish() == Usage()

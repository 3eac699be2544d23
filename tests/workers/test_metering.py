"""Every way in which others lost money on counting is shut here."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import metering, shapes
from workers.metering import Claim, InputBounds, Limits, Tally
from workers.shapes import Chunk

LIMITS = Limits(InputBounds(10, 100), 1000)
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
FIGURES = st.none() | st.integers(-5, 5000)


def make_chunk(
    content: str | None = None, *, usage: Any = None, reason: str | None = None, index: int = 0
) -> Chunk:
    body: dict[str, Any] = {
        "choices": [{"index": index, "delta": {"content": content}, "finish_reason": reason}]
    }
    if usage is not None:
        body["usage"] = usage
    return msgspec.json.decode(msgspec.json.encode(body), type=Chunk)


def make_usage(tokens_in: Any, tokens_out: Any) -> dict[str, Any]:
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}


def tally_of(texts: list[str], *, usage: Any = None) -> Tally:
    tally = Tally()
    for text in texts:
        tally.take(make_chunk(text))
    tally.take(make_chunk(reason="stop", usage=usage))
    return tally


@given(texts=st.lists(TEXTS, max_size=20), tokens_in=FIGURES, tokens_out=FIGURES, ended=st.booleans())
def test_never_bills_more_than_was_relayed_claimed_or_held(
    texts: list[str], tokens_in: int | None, tokens_out: int | None, ended: bool
) -> None:
    tally = tally_of(texts, usage=make_usage(tokens_in, tokens_out))

    billed_in, cached, billed_out = tally.count(limits=LIMITS, ended=ended).preview_billed()

    relayed = sum(len(text.encode()) for text in texts)
    assert 0 <= billed_out <= min(relayed + metering.UNSEEN_TOKENS_PER_CHOICE, LIMITS.tokens_out)
    assert 0 <= cached <= billed_in <= LIMITS.prompt.high
    if tokens_in is not None and tokens_in >= 0:
        assert billed_in <= tokens_in
    if tokens_out is not None and tokens_out >= 0:
        assert billed_out <= tokens_out
    if not texts:
        assert (billed_in, billed_out) == (0, 0)


@given(texts=st.lists(TEXTS, min_size=1, max_size=20))
def test_a_stream_without_usage_is_never_free(texts: list[str]) -> None:
    count = tally_of(texts).count(limits=LIMITS, ended=True)

    assert count.claim == metering.NO_CLAIM
    assert count.preview_billed() == (LIMITS.prompt.low, 0, len(texts))


def test_believes_usage_within_bounds() -> None:
    count = tally_of(["four", " words", " were", " said"], usage=make_usage(31, 6)).count(
        limits=LIMITS, ended=True
    )

    assert (count.ours_in, count.ours_out, count.method) == (31, 6, "claim")


def test_explicit_zero_stays_zero() -> None:
    count = tally_of(["delivered"], usage=make_usage(0, 0)).count(limits=LIMITS, ended=True)

    assert count.claim == Claim(0, None, 0)
    assert count.preview_billed() == (0, 0, 0)
    assert count.ours_out == 1


@pytest.mark.parametrize("factor", [10, 1000])
def test_an_inflated_claim_falls_back_to_our_own_count(factor: int) -> None:
    count = tally_of(["one", " two"], usage=make_usage(31 * factor, 40 * factor)).count(
        limits=LIMITS, ended=True
    )

    assert count.preview_billed() == (LIMITS.prompt.low, 0, 2)
    assert count.method == "deltas"


def test_cumulative_usage_is_never_summed() -> None:
    tally = Tally()
    for number in range(1, 6):
        tally.take(make_chunk(" word", usage=make_usage(20, number)))

    assert tally.claim == Claim(20, None, 5)
    assert tally.count(limits=LIMITS, ended=True).preview_billed() == (20, 0, 5)


def test_a_later_null_does_not_wipe_what_was_said() -> None:
    tally = tally_of(["a"], usage=make_usage(20, 1))
    tally.take(msgspec.json.decode(b'{"choices":[],"usage":null}', type=Chunk))
    tally.take(msgspec.json.decode(b'{"choices":[],"usage":{"completion_tokens":1}}', type=Chunk))

    assert tally.claim == Claim(20, None, 1)


@given(delivered=st.integers(0, 30))
def test_a_stream_cut_short_bills_what_was_delivered(delivered: int) -> None:
    tally = Tally()
    for _ in range(delivered):
        tally.take(make_chunk(" word"))

    billed = tally.count(limits=LIMITS, ended=False).preview_billed()

    assert billed == ((LIMITS.prompt.low, 0, delivered) if delivered else (0, 0, 0))


def test_counts_tool_calls_reasoning_refusals_and_all_choices() -> None:
    chunks: list[dict[str, Any]] = [
        {"tool_calls": [{"index": 0, "id": "x", "function": {"name": "weather", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"place"'}}]},
        {"reasoning_content": "hmm"},
        {"reasoning": "hmm"},
        {"refusal": "no"},
        {"function_call": {"arguments": "{}"}},
        {"role": "assistant", "content": ""},
        {},
    ]
    tally = Tally()
    for index, delta in enumerate(chunks):
        choice = {"index": index % 2, "delta": delta}
        tally.take(msgspec.json.decode(msgspec.json.encode({"choices": [choice]}), type=Chunk))

    assert (tally.deltas, tally.calls, tally.seen) == (6, 1, {0, 1})
    assert tally.text_bytes == len('weather{"place"hmmhmmno{}')


def test_the_same_reasoning_under_two_names_is_counted_once() -> None:
    tally = Tally()
    delta = {"reasoning": "hmm", "reasoning_content": "hmm"}
    tally.take(msgspec.json.decode(msgspec.json.encode({"choices": [{"delta": delta}]}), type=Chunk))

    assert (tally.deltas, tally.text_bytes) == (1, 3)


def test_escapes_do_not_make_text_longer() -> None:
    tally = Tally()
    tally.take(msgspec.json.decode(rb'{"choices":[{"delta":{"content":"\u0061\u4e2d"}}]}', type=Chunk))

    assert tally.text_bytes == 4


@given(texts=st.lists(TEXTS, min_size=1, max_size=30), limit=st.integers(1, 10))
def test_stops_before_the_hold_is_passed(texts: list[str], limit: int) -> None:
    tally = Tally()
    for text in texts:
        chunk = make_chunk(text)
        if tally.would_exceed(chunk, size=10_000_000, tokens_out=limit):
            break
        tally.take(chunk)

    assert tally.deltas == min(len(texts), limit)


def test_text_that_no_token_could_carry_counts_as_passing_the_hold() -> None:
    packed = make_chunk("x" * 3000)

    assert Tally().would_exceed(packed, size=4000, tokens_out=10)
    assert not Tally().would_exceed(make_chunk(reason="stop"), size=4000, tokens_out=0)


def test_knows_when_every_choice_is_finished() -> None:
    tally = Tally()
    tally.take(make_chunk("a", index=0))
    tally.take(make_chunk("b", index=1))
    tally.take(make_chunk(reason="stop", index=0))
    assert not tally.is_finished()

    tally.take(make_chunk(reason="length", index=1))

    assert tally.is_finished()


@pytest.mark.parametrize("usage", [None, [], "12", {}, {"prompt_tokens": "12"}, {"completion_tokens": True}])
def test_nonsense_is_no_claim(usage: Any) -> None:
    assert metering.read_claim(msgspec.json.encode(usage)) == metering.NO_CLAIM


@given(value=st.floats() | st.integers(max_value=-1))
def test_fractions_and_negative_figures_are_no_claim(value: float) -> None:
    encoded = repr(value).encode()

    claim = metering.read_claim(b'{"completion_tokens":%s}' % encoded)

    assert claim.tokens_out is None


def test_a_claim_fits_into_the_database() -> None:
    assert metering.read_claim(b'{"completion_tokens":1' + b"0" * 30 + b"}").tokens_out == metering.CLAIM_MAX


@given(text_bytes=st.integers(0, 10**7), media=st.integers(0, 3), context=st.integers(1, 10**6))
def test_input_bounds_stay_in_order_and_in_the_context(text_bytes: int, media: int, context: int) -> None:
    low, high = metering.bound_input(text_bytes=text_bytes, media=media, context_length=context)

    assert 0 <= low <= high <= context


def make_answer(*texts: str, usage: Any = None) -> shapes.Answer:
    choices = [{"index": index, "message": {"content": text}} for index, text in enumerate(texts)]
    body = {"choices": choices, "usage": usage}
    return msgspec.json.decode(msgspec.json.encode(body), type=shapes.Answer)


def test_an_answer_without_usage_is_counted_by_its_bytes() -> None:
    count, size = metering.count_answer(make_answer("x" * 13), limits=LIMITS)

    assert (count.ours_in, count.ours_out, size) == (LIMITS.prompt.low, 3, 13)


def test_an_empty_answer_costs_nothing_whatever_it_claims() -> None:
    count, size = metering.count_answer(make_answer("", usage=make_usage(50, 50)), limits=LIMITS)

    assert (count.preview_billed(), size) == ((0, 0, 0), 0)


@given(texts=st.lists(TEXTS, min_size=1, max_size=4), tokens_in=FIGURES, tokens_out=FIGURES)
def test_an_answer_never_bills_more_than_its_bytes(
    texts: list[str], tokens_in: int | None, tokens_out: int | None
) -> None:
    answer = make_answer(*texts, usage=make_usage(tokens_in, tokens_out))

    count, size = metering.count_answer(answer, limits=LIMITS)

    billed_in, _, billed_out = count.preview_billed()
    assert billed_out <= size + metering.UNSEEN_TOKENS_PER_CHOICE * len(texts)
    assert billed_in <= LIMITS.prompt.high

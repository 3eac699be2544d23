"""
How much was delivered: counted as it passes, compared with what the upstream claims. Pure.

Buyers pay for what was relayed to them. A stream is counted by its content deltas and the bytes of text in
them; an upstream's own usage is believed only within the bounds these give, and what is billed is never more
than it claims. What a model only reads (to embed it, or to repeat it) is no token it wrote. None means "not
said" and is never taken for zero; zero means zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import msgspec

from workers import shapes

# A byte-level tokenizer makes a token of two to six bytes of ordinary text; see `bound_input`.
PROMPT_BYTES_PER_TOKEN_MIN = 2
PROMPT_BYTES_PER_TOKEN_MAX = 6
# Chat templates add words of their own: a default system prompt, and marks around each message.
TEMPLATE_TOKENS_MAX = 64
# A bare prompt only gets marks at its ends.
SPECIAL_TOKENS_MAX = 8
# What a picture or a sound may cost in tokens while offers state no rule of their own.
MEDIA_TOKENS_MAX = 4096
# Tokens that leave no text: the end of an answer, the marks around a tool call.
UNSEEN_TOKENS_PER_CHOICE = 4
UNSEEN_TOKENS_PER_CALL = 24
# No token is longer than this; text beyond it shows that deltas hide tokens.
TOKEN_BYTES_MAX = 256
CLAIM_MAX = 2**53


class Claim(NamedTuple):
    """What the upstream says it used; None where it says nothing."""

    tokens_in: int | None = None
    cached: int | None = None
    tokens_out: int | None = None


NO_CLAIM = Claim()


def read_claim(usage: bytes | msgspec.Raw) -> Claim:
    """
    Read an upstream's usage object, whatever it is.

    A figure that is missing, null, negative, fractional or no number at all is no claim (None).
    """
    try:
        given = msgspec.json.decode(usage) if len(memoryview(usage)) else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NO_CLAIM
    if not isinstance(given, dict):
        return NO_CLAIM
    details = given.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Claim(
        _read_figure(given.get("prompt_tokens")),
        _read_figure(cached),
        _read_figure(given.get("completion_tokens")),
    )


def _read_figure(value: object) -> int | None:
    # A boolean is an int to Python, but no count to anybody.
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return None
    return min(value, CLAIM_MAX)


class InputBounds(NamedTuple):
    """Tokens that a prompt surely has (`low`) and that it may have at most (`high`)."""

    low: int
    high: int


def bound_input(
    *,
    text_bytes: int,
    media: int,
    context_length: int,
    tokens: int = 0,
    prompts: int = 1,
    template: int = TEMPLATE_TOKENS_MAX,
    beyond_bytes: int = 0,
) -> InputBounds:
    """
    Bound prompts by the bytes of their text (messages and tools as JSON), their pictures and sounds, and the
    `tokens` given as ids; `template` is what may be added to all of them together, `beyond_bytes` are
    those of other fields, which may be read as well or not at all.

    No prompt that a model takes is longer than its context, whatever its bytes say; each of several has a
    context of its own.
    """
    room = context_length * prompts
    low = -(-text_bytes // PROMPT_BYTES_PER_TOKEN_MAX) + tokens
    read_bytes = text_bytes + beyond_bytes
    high = -(-read_bytes // PROMPT_BYTES_PER_TOKEN_MIN) + tokens + template + media * MEDIA_TOKENS_MAX
    return InputBounds(min(low, room), min(high, room))


class Limits(NamedTuple):
    """
    What an attempt's hold covers: bounds of its prompt, and the most tokens of all its choices.

    `echo` is, of each choice, the prompt that it repeats before it goes on; nothing of that is output.
    """

    prompt: InputBounds
    tokens_out: int
    echo: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """
    What goes into a usage record: our count, the claim beside it, and how ours was found.

    `method` is `claim` (the upstream's figure, within bounds), `deltas` (counted) or `bytes` (reckoned).
    """

    ours_in: int
    ours_cached: int
    ours_out: int
    claim: Claim
    method: str

    def preview_billed(self) -> tuple[int, int, int]:
        """Input, cached and output tokens as they will be billed: min(ours, claim). SQL has the last word."""
        tokens_in = _lesser(self.ours_in, self.claim.tokens_in)
        cached = min(_lesser(self.ours_cached, self.claim.cached), tokens_in)
        return tokens_in, cached, _lesser(self.ours_out, self.claim.tokens_out)


def _lesser(ours: int, claim: int | None) -> int:
    return ours if claim is None else min(ours, claim)


@dataclass(slots=True)
class Tally:
    """
    A running count of one stream.

    `spoken` is whether any text came at all, `deltas` are chunks' parts that carry text of the model's own,
    `text_bytes` the UTF-8 bytes in them, `calls` the tool calls begun, `finished` the finish reason of each
    choice that has one, `seen` every choice's index. `echo` is what each choice may repeat of its prompt,
    `repeated` how many bytes of it each has.
    """

    spoken: bool = False
    deltas: int = 0
    text_bytes: int = 0
    calls: int = 0
    claim: Claim = NO_CLAIM
    seen: set[int] = field(default_factory=set)
    finished: dict[int, str] = field(default_factory=dict)
    echo: Sequence[bytes] = ()
    repeated: dict[int, int] = field(default_factory=dict)

    def take(self, chunk: shapes.Chunk) -> int:
        """Count a chunk. Gives how many content deltas it carries."""
        before = self.deltas
        for choice in chunk.choices:
            self.seen.add(choice.index)
            if choice.delta is not None:
                size, calls = choice.delta.measure()
                if size:
                    self.spoken = True
                    self.deltas += 1
                    self.text_bytes += size
                    self.calls += calls
            elif choice.text:
                self._take_text(choice.index, choice.text.encode(errors="replace"))
            if choice.finish_reason is not None:
                self.finished[choice.index] = choice.finish_reason
        self.take_usage(chunk)
        return self.deltas - before

    def _take_text(self, index: int, text: bytes) -> None:
        self.spoken = True
        if 0 <= index < len(self.echo):
            # As far as the text goes on repeating the prompt, it is not the model's.
            prompt, at = self.echo[index], self.repeated.get(index, 0)
            left = prompt[at:]
            if left and (text.startswith(left) or left.startswith(text)):
                same = min(len(left), len(text))
                self.repeated[index] = at + same
                text = text[same:]
            elif at < len(prompt):
                # Other than promised: nothing after it is taken for an echo.
                self.repeated[index] = len(prompt)
        if text:
            self.deltas += 1
            self.text_bytes += len(text)

    def take_usage(self, chunk: shapes.Chunk) -> None:
        """Take the chunk's usage if it has one. It is cumulative: what was said last counts, never a sum."""
        if has_value(chunk.usage):
            said = zip(read_claim(chunk.usage), self.claim, strict=True)
            self.claim = Claim(*(before if now is None else now for now, before in said))

    def would_exceed(self, chunk: shapes.Chunk, *, size: int, tokens_out: int) -> bool:
        """
        Whether relaying this chunk of `size` bytes would pass the hold: more deltas than tokens may come, or
        more text than that many tokens can carry. Every delta holds at least one token. A prompt that is
        repeated before them has room of its own.
        """
        if (
            self.deltas + len(chunk.choices) <= tokens_out
            and self.text_bytes + size <= tokens_out * TOKEN_BYTES_MAX
        ):
            return False
        deltas = text = 0
        for choice in chunk.choices:
            if choice.delta is not None:
                written = choice.delta.measure()[0]
            else:
                written = len((choice.text or "").encode(errors="replace"))
                if 0 <= choice.index < len(self.echo):
                    written -= len(self.echo[choice.index]) - self.repeated.get(choice.index, 0)
            deltas += written > 0
            text += max(written, 0)
        over = self.deltas + deltas > tokens_out or self.text_bytes + text > tokens_out * TOKEN_BYTES_MAX
        return deltas > 0 and over

    def is_finished(self) -> bool:
        """Whether every choice that began has given its finish reason, and at least one did."""
        return bool(self.finished) and self.seen <= self.finished.keys()

    def count(self, *, limits: Limits, ended: bool) -> Count:
        """Count the stream. `ended`: it came to its proper end, so its own usage may be believed."""
        if not self.spoken:
            return Count(0, 0, 0, self.claim, "deltas")
        unseen = UNSEEN_TOKENS_PER_CHOICE * max(len(self.seen), 1) + UNSEEN_TOKENS_PER_CALL * self.calls
        return _count(
            claim=self.claim,
            limits=limits,
            low=self.deltas,
            high=self.text_bytes + unseen,
            believed=ended,
        )


def has_value(raw: msgspec.Raw) -> bool:
    """Whether a field was there and not null."""
    value = bytes(raw)
    return value not in (b"", b"null")


def count_answer(answer: shapes.Answer | shapes.TextAnswer, *, limits: Limits) -> tuple[Count, int]:
    """
    Count an answer that is not streamed. Gives the count and the bytes of its text, with what it
    repeats of its prompt.

    Without a usable claim it has as many tokens as its bytes surely make (by six), at least one a choice.
    """
    measured = answer.measure(limits.echo)
    text_bytes = sum(size for size, _, _ in measured)
    repeated = sum(size for _, _, size in measured)
    claim = read_claim(answer.usage)
    if not text_bytes + repeated:
        return Count(0, 0, 0, claim, "deltas"), 0
    spoken = sum(size > 0 for size, _, _ in measured)
    calls = sum(begun for _, begun, _ in measured)
    unseen = UNSEEN_TOKENS_PER_CHOICE * len(measured) + UNSEEN_TOKENS_PER_CALL * calls
    surely = max(spoken, -(-text_bytes // PROMPT_BYTES_PER_TOKEN_MAX))
    count = _count(
        claim=claim, limits=limits, low=spoken, high=text_bytes + unseen, believed=True, fallback=surely
    )
    return count, text_bytes + repeated


def count_embeddings(answer: shapes.EmbeddingAnswer, *, limits: Limits) -> Count:
    """Count vectors: only what was read to make them is used, as claimed within bounds, else by its bytes."""
    claim = read_claim(answer.usage)
    prompt = limits.prompt
    believed = claim.tokens_in is not None and prompt.low <= claim.tokens_in <= prompt.high
    count = _count(claim=claim, limits=limits, low=0, high=0, believed=False, fallback=0)
    return replace(count, method="claim" if believed else "bytes")


def _count(
    *, claim: Claim, limits: Limits, low: int, high: int, believed: bool, fallback: int | None = None
) -> Count:
    prompt = limits.prompt
    ours_in = claim.tokens_in
    if ours_in is None or not prompt.low <= ours_in <= prompt.high:
        ours_in = prompt.low
    cached = min(claim.cached or 0, ours_in)
    out = claim.tokens_out
    if believed and out is not None and low <= out <= min(high, limits.tokens_out):
        return Count(ours_in, cached, out, claim, "claim")
    ours_out = min(low if fallback is None else fallback, limits.tokens_out)
    return Count(ours_in, cached, ours_out, claim, "deltas" if fallback is None else "bytes")

"""
Requests that bring bare prompts: completions and embeddings. Pure; see `workers.bodies` for what all share.

A prompt is text, or the token ids of the model it is meant for. Ids are counted exactly, so they are held and
charged by their number; they mean nothing to another model, so they are refused where another may answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from msgspec import Raw

from marketplace.listings import COMPLETIONS, EMBEDDINGS
from workers import bodies, metering
from workers.bodies import BodyInvalid, ModelRequest

CHOICES_MAX = 128
INPUTS_MAX = 2048
# What OpenAI's API takes when a completion says nothing of its length.
COMPLETION_TOKENS = 16
COMPLETION_KNOWN = bodies.UNMEASURED | {"prompt", "suffix", "echo", "best_of"}
EMBEDDING_KNOWN = bodies.UNMEASURED | {"input", "dimensions", "encoding_format"}


class Prompts(NamedTuple):
    """
    One or more prompts.

    `text_bytes` are UTF-8 bytes of all text, `tokens` the ids given, `longest` how many tokens the longest
    prompt surely has; `texts` are the prompts themselves when they are text.
    """

    number: int
    text_bytes: int
    tokens: int
    longest: int
    texts: tuple[bytes, ...]


def read_completion(body: bytes) -> ModelRequest:
    """
    Read the body of a completions request.

    :raises BodyInvalid: 400 with the field's name in `param`
    :raises marketplace.preferences.RoutingRefused: for a routing field that cannot be honoured
    """
    fields = bodies.split(body)
    routing = bodies.read_routing(fields)
    prompts = _read_prompts(fields, "prompt", most=CHOICES_MAX, may_be_empty=True)
    _refuse_foreign_ids(prompts, models=len(routing.models), field="prompt")
    stream, include_usage = bodies.read_stream(fields)
    each = bodies.read_choices(fields, limit=CHOICES_MAX)
    if each * prompts.number > CHOICES_MAX:
        message = f"{prompts.number} prompts with n = {each} are more than {CHOICES_MAX} answers."
        raise BodyInvalid(message, param="n")
    echo = bodies.read(fields, "echo", bool, False)
    if echo and not prompts.texts:
        raise BodyInvalid("echo needs prompts that are text.", param="echo", code="unsupported_value")
    limit = bodies.read_limit(fields, lowest=0 if echo else 1)
    suffix = len(bodies.read(fields, "suffix", str, "").encode(errors="replace"))
    return ModelRequest(
        endpoint=COMPLETIONS,
        fields=fields,
        routing=routing,
        stream=stream,
        include_usage=include_usage,
        choices=each * prompts.number,
        limit=COMPLETION_TOKENS if limit is None else limit,
        text_bytes=prompts.text_bytes + suffix * prompts.number,
        media=0,
        longest=prompts.longest,
        template=metering.SPECIAL_TOKENS_MAX * prompts.number,
        tokens=prompts.tokens,
        prompts=prompts.number,
        prompt_field="prompt",
        beyond=bodies.measure_beyond(fields, known=COMPLETION_KNOWN) * prompts.number,
        echo=tuple(text for text in prompts.texts for _ in range(each)) if echo else (),
    )


def read_embedding(body: bytes) -> ModelRequest:
    """
    Read the body of an embeddings request.

    :raises BodyInvalid: 400 with the field's name in `param`
    :raises marketplace.preferences.RoutingRefused: for a routing field that cannot be honoured
    """
    fields = bodies.split(body)
    routing = bodies.read_routing(fields)
    prompts = _read_prompts(fields, "input", most=INPUTS_MAX, may_be_empty=False)
    _refuse_foreign_ids(prompts, models=len(routing.models), field="input")
    if bodies.read(fields, "stream", bool, False):
        raise BodyInvalid("Embeddings have no stream.", param="stream", code="unsupported_value")
    return ModelRequest(
        endpoint=EMBEDDINGS,
        fields=fields,
        routing=routing,
        stream=False,
        include_usage=True,
        choices=prompts.number,
        limit=0,
        text_bytes=prompts.text_bytes,
        media=0,
        longest=prompts.longest,
        template=metering.SPECIAL_TOKENS_MAX * prompts.number,
        tokens=prompts.tokens,
        prompts=prompts.number,
        prompt_field="input",
        beyond=bodies.measure_beyond(fields, known=EMBEDDING_KNOWN) * prompts.number,
    )


def _read_prompts(fields: Mapping[str, Raw], name: str, *, most: int, may_be_empty: bool) -> Prompts:
    """:raises BodyInvalid: neither text nor token ids, nor a list of either"""
    given = msgspec.json.decode(fields[name]) if name in fields else None
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list) or not given:
        raise _refuse(name)
    if all(isinstance(one, str) for one in given):
        texts = tuple(one.encode(errors="replace") for one in given)
        if not may_be_empty and not all(texts):
            raise BodyInvalid(f"{name} must not hold an empty text.", param=name)
        size, longest = sum(map(len, texts)), max(map(len, texts))
        prompts = Prompts(len(texts), size, 0, -(-longest // metering.PROMPT_BYTES_PER_TOKEN_MAX), texts)
    else:
        counts = [_count_ids(one, name) for one in ([given] if isinstance(given[0], int) else given)]
        prompts = Prompts(len(counts), 0, sum(counts), max(counts), ())
    if prompts.number > most:
        raise BodyInvalid(f"{name} holds more than {most} texts.", param=name)
    return prompts


def _count_ids(given: object, name: str) -> int:
    if not isinstance(given, list) or not given:
        raise _refuse(name)
    # A boolean is an int to Python, but no token to anybody.
    if not all(type(one) is int and one >= 0 for one in given):
        raise _refuse(name)
    return len(given)


def _refuse(name: str) -> BodyInvalid:
    message = f"{name} must be a text, a list of texts, a list of token ids, or a list of such lists."
    return BodyInvalid(message, param=name)


def _refuse_foreign_ids(prompts: Prompts, *, models: int, field: str) -> None:
    if prompts.tokens and models > 1:
        message = "Token ids belong to one model; send text to let several models be tried."
        raise BodyInvalid(message, param=field, code="unsupported_value")

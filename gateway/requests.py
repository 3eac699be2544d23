"""
Requests at the buyer's door: `workers.chat` and `workers.prompts`, with refusals in OpenAI's shape.

What a chat may say is the same for online and deferred jobs and stands in `workers.chat`. Here is added
what only somebody who writes the bytes by hand could do: give a field twice, or nest without end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from gateway.errors import ApiError, invalid
from marketplace.preferences import RoutingRefused
from workers import bodies, chat, metering, prompts
from workers.bodies import BodyInvalid, ModelRequest

# A second value for one of these could mean one thing to us and another to the model server.
UNIQUE_FIELDS = ("model", "stream", "n", "stream_options", *bodies.LIMIT_FIELDS)
DEPTH_MAX = 512
# Outside texts. Ten times what a chat of the longest context has; whoever sends more wants to be measured.
BRACKETS_MAX = 100_000


def _mark(*names: str) -> list[bytes]:
    return [b'"%s"' % name.encode() for name in UNIQUE_FIELDS + names]


_CHAT_MARKS = _mark("messages")
_COMPLETION_MARKS = _mark("prompt", "suffix", "echo", "best_of")
_EMBEDDING_MARKS = _mark("input")
# What was matched is never tried again: time is in proportion to length, whatever the text.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def read_chat(body: bytes) -> ModelRequest:
    """
    Read the body of a chat request.

    :raises ApiError: 400 with the field's name in `param`
    """
    return _read(chat.read_chat, body, _CHAT_MARKS)


def read_completion(body: bytes) -> ModelRequest:
    """
    Read the body of a completions request.

    :raises ApiError: 400 with the field's name in `param`
    """
    return _read(prompts.read_completion, body, _COMPLETION_MARKS)


def read_embedding(body: bytes) -> ModelRequest:
    """
    Read the body of an embeddings request.

    :raises ApiError: 400 with the field's name in `param`
    """
    return _read(prompts.read_embedding, body, _EMBEDDING_MARKS)


def _read(read: Callable[[bytes], ModelRequest], body: bytes, marks: list[bytes]) -> ModelRequest:
    # Few bodies have so many brackets at all.
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX:
        _refuse_nesting(body)
    try:
        request = read(body)
    except (BodyInvalid, RoutingRefused) as refused:
        raise _translate(refused) from None
    for mark in marks:
        # Within a string the quotes are escaped, so this finds keys, here or deeper; seldom two of one name.
        if body.count(mark) > 1:
            _refuse_repeated_fields(body)
            break
    return request


def bound_prompt(request: ModelRequest, *, context_length: int) -> metering.InputBounds:
    """
    Bound the prompt's tokens.

    :raises ApiError: 400 when it surely is longer than the model's context
    """
    try:
        return bodies.bound_prompt(request, context_length=context_length)
    except BodyInvalid as refused:
        raise _translate(refused) from None


def choose_limit(request: ModelRequest, *, context_length: int, default: int, cap: int) -> int:
    """
    Choose how many tokens each choice may have.

    :raises ApiError: 400 when the buyer allows more than the model's whole context
    """
    try:
        return bodies.choose_limit(request, context_length=context_length, default=default, cap=cap)
    except BodyInvalid as refused:
        raise _translate(refused) from None


def _translate(refused: BodyInvalid | RoutingRefused) -> ApiError:
    return ApiError(400, refused.code, refused.message, param=refused.param, retry=False)


def _refuse_nesting(body: bytes) -> None:
    # Texts may have as many as they like.
    brackets = _STRING.sub(b"", body).translate(None, _NO_BRACKETS)
    if len(brackets) > 2 * BRACKETS_MAX:
        raise invalid("The body has too many lists and objects.", code="invalid_json")
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > DEPTH_MAX:
            raise invalid("The body is nested too deeply.", code="invalid_json")


def _refuse_repeated_fields(body: bytes) -> None:
    def check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # Called for inner objects first; what the last call leaves are the names of the whole body.
        names[:] = [name for name, _ in pairs]
        return {}

    names: list[str] = []
    try:
        json.loads(body, object_pairs_hook=check)
    except (ValueError, RecursionError):
        raise invalid("The body is not a JSON object.", code="invalid_json") from None
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise invalid(f"{name} is given more than once.", param=name)
        seen.add(name)

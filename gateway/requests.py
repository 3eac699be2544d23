"""
Chat requests at the buyer's door: `workers.chat`, with refusals in OpenAI's shape.

What a request may say is the same for online and deferred jobs and stands in `workers.chat`. Here is added
what only somebody who writes the bytes by hand could do: give a field twice, or nest without end.
"""

from __future__ import annotations

import json
import re
from typing import Any

from gateway.errors import ApiError, invalid
from marketplace.preferences import RoutingRefused
from workers import chat, metering
from workers.chat import ChatInvalid, ChatRequest

# A second value for one of these could mean one thing to us and another to the model server.
UNIQUE_FIELDS = ("model", "stream", "messages", "n", "stream_options", *chat.LIMIT_FIELDS)
DEPTH_MAX = 512

_UNIQUE_MARKS = [b'"%s"' % name.encode() for name in UNIQUE_FIELDS]
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def read_chat(body: bytes) -> ChatRequest:
    """
    Read the body of a chat request.

    :raises ApiError: 400 with the field's name in `param`
    """
    # Few bodies have so many brackets at all.
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX and _measure_depth(body) > DEPTH_MAX:
        raise invalid("The body is nested too deeply.", code="invalid_json")
    try:
        request = chat.read_chat(body)
    except (ChatInvalid, RoutingRefused) as refused:
        raise _translate(refused) from None
    for mark in _UNIQUE_MARKS:
        # Within a string the quotes are escaped, so this finds keys, here or deeper; seldom two of one name.
        if body.count(mark) > 1:
            _refuse_repeated_fields(body)
            break
    return request


def bound_prompt(request: ChatRequest, *, context_length: int) -> metering.InputBounds:
    """
    Bound the prompt's tokens.

    :raises ApiError: 400 when it surely is longer than the model's context
    """
    try:
        return chat.bound_prompt(request, context_length=context_length)
    except ChatInvalid as refused:
        raise _translate(refused) from None


def choose_limit(request: ChatRequest, *, context_length: int, default: int, cap: int) -> int:
    """
    Choose how many tokens each choice may have.

    :raises ApiError: 400 when the buyer allows more than the model's whole context
    """
    try:
        return chat.choose_limit(request, context_length=context_length, default=default, cap=cap)
    except ChatInvalid as refused:
        raise _translate(refused) from None


def _translate(refused: ChatInvalid | RoutingRefused) -> ApiError:
    return ApiError(400, refused.code, refused.message, param=refused.param, retry=False)


def _measure_depth(body: bytes) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


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
    for name in names:
        if names.count(name) > 1:
            raise invalid(f"{name} is given more than once.", param=name)

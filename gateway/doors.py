"""
The addresses at which a model can be asked for something. They differ in what a body says and how an answer
is shaped; everything between (matching, admission, relay, metering, record) is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from gateway import requests
from marketplace.listings import CHAT, COMPLETIONS, EMBEDDINGS
from workers import metering, shapes
from workers.bodies import ModelRequest
from workers.metering import Count, Limits


class Counted(NamedTuple):
    """A plain answer: what it used, whether it says anything, and why its first choice ended."""

    used: Count
    answered: bool
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """
    One address. `path` is the same here and behind a node.

    `count` reads a plain answer, and raises ValueError or msgspec's errors for what is no answer to this
    request. `chunk_object` and `make_ending` shape the chunks that we add to streams ourselves.
    """

    endpoint: str
    path: str
    read: Callable[[bytes], ModelRequest]
    count: Callable[[bytes, ModelRequest, Limits], Counted]
    chunk_object: str
    id_prefix: str
    make_ending: Callable[[int, str], dict[str, Any]]

    @property
    def writes(self) -> bool:
        """Whether an answer has tokens of its own."""
        return self.endpoint != EMBEDDINGS


_chat_decoder = msgspec.json.Decoder(shapes.Answer)
_text_decoder = msgspec.json.Decoder(shapes.TextAnswer)
_embedding_decoder = msgspec.json.Decoder(shapes.EmbeddingAnswer)


def _count_chat(body: bytes, request: ModelRequest, limits: Limits) -> Counted:
    return _count_choices(_chat_decoder.decode(body), limits)


def _count_text(body: bytes, request: ModelRequest, limits: Limits) -> Counted:
    return _count_choices(_text_decoder.decode(body), limits)


def _count_choices(answer: shapes.Answer | shapes.TextAnswer, limits: Limits) -> Counted:
    if not answer.choices:
        raise ValueError("an answer has choices")
    counted, size = metering.count_answer(answer, limits=limits)
    return Counted(counted, size > 0, answer.choices[0].finish_reason)


def _count_embeddings(body: bytes, request: ModelRequest, limits: Limits) -> Counted:
    answer = _embedding_decoder.decode(body)
    if len(answer.data) != request.prompts or not all(vector.is_there() for vector in answer.data):
        raise ValueError("there is one vector for each text")
    return Counted(metering.count_embeddings(answer, limits=limits), True)


def _end_delta(index: int, reason: str) -> dict[str, Any]:
    return {"index": index, "delta": {}, "finish_reason": reason}


def _end_text(index: int, reason: str) -> dict[str, Any]:
    return {"index": index, "text": "", "logprobs": None, "finish_reason": reason}


ALL = (
    Door(
        endpoint=CHAT,
        path="/v1/chat/completions",
        read=requests.read_chat,
        count=_count_chat,
        chunk_object="chat.completion.chunk",
        id_prefix="chatcmpl",
        make_ending=_end_delta,
    ),
    Door(
        endpoint=COMPLETIONS,
        path="/v1/completions",
        read=requests.read_completion,
        count=_count_text,
        chunk_object="text_completion",
        id_prefix="cmpl",
        make_ending=_end_text,
    ),
    Door(
        endpoint=EMBEDDINGS,
        path="/v1/embeddings",
        read=requests.read_embedding,
        count=_count_embeddings,
        chunk_object="",
        id_prefix="embd",
        make_ending=_end_text,
    ),
)
BY_PATH = {door.path: door for door in ALL}
BY_ENDPOINT = {door.endpoint: door for door in ALL}

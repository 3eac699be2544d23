"""Answers of the simulated model in OpenAI's shapes: one object, or the chunks of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from workers.simulated import text
from workers.simulated.behaviour import Behaviour

FINGERPRINT = "simulated-no-model"
CHOICES_MAX = 16
encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Question:
    """One chat request, read as far as the simulated model needs it."""

    id: str
    model: str
    messages: list[dict[str, Any]]
    stream: bool
    include_usage: bool
    choices: int
    tokens_max: int | None
    tools: list[dict[str, Any]]
    schema: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Choice:
    """One finished choice: text in pieces, or one tool call (name, arguments in pieces)."""

    pieces: list[str]
    tool: str
    finish_reason: str


def read_question(body: dict[str, Any], *, number: int) -> Question:
    """Read a request body. `number` makes the answer's id, the same in every run."""
    options = body.get("stream_options") or {}
    calls_tool = bool(body.get("tools")) and body.get("tool_choice") != "none"
    messages = [message for message in body.get("messages") or [] if isinstance(message, dict)]
    if messages and messages[-1].get("role") == "tool":
        calls_tool = False
    wanted = body.get("response_format") or {}
    schema = (wanted.get("json_schema") or {}).get("schema")
    if wanted.get("type") == "json_object":
        schema = {"type": "object", "properties": {"simulated": {"type": "boolean"}}}
    limits = [body[name] for name in ("max_tokens", "max_completion_tokens") if body.get(name) is not None]
    return Question(
        id=f"chatcmpl-simulated-{number}",
        model=str(body.get("model", "")),
        messages=messages,
        stream=bool(body.get("stream")),
        include_usage=bool(options.get("include_usage")),
        choices=min(int(body.get("n") or 1), CHOICES_MAX),
        tokens_max=min(limits) if limits else None,
        tools=body.get("tools") or [] if calls_tool else [],
        schema=schema,
    )


def answer_question(question: Question, behaviour: Behaviour) -> list[Choice]:
    """Decide what each choice says."""
    return [_answer_choice(question, behaviour, index) for index in range(question.choices)]


def _answer_choice(question: Question, behaviour: Behaviour, index: int) -> Choice:
    if behaviour.fault == "empty":
        return Choice([], "", "stop")
    if question.tools:
        name, arguments = text.call_tool(question.tools)
        return Choice(text.split_arguments(arguments), name, "tool_calls")
    if question.schema is not None:
        written = encode(text.fill_schema(question.schema)).decode()
        return Choice(text.split_arguments(written), "", "stop")
    limit = question.tokens_max
    if limit is not None and behaviour.fault == "ignore_limit":
        limit *= behaviour.factor
        count, reason = limit, "stop"
    elif limit is not None and limit < behaviour.tokens:
        count, reason = limit, "length"
    else:
        count, reason = behaviour.tokens, "stop"
    asked = "\n".join(text.content_text(message.get("content")) for message in question.messages)
    return Choice(text.write_tokens(question=asked, count=count, choice=index), "", reason)


def count_usage(question: Question, behaviour: Behaviour, tokens_out: int) -> dict[str, Any] | None:
    """The usage object, as true or as false as the behaviour wants it; None when there is none."""
    if behaviour.fault == "no_usage":
        return None
    tokens_in = text.count_prompt(question.messages)
    factor = {"zero_usage": 0, "over_report": behaviour.factor}.get(behaviour.fault, 1)
    tokens_in, tokens_out = tokens_in * factor, tokens_out * factor
    return {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def write_answer(question: Question, behaviour: Behaviour) -> bytes:
    """The whole answer of a request that is not streamed."""
    choices = answer_question(question, behaviour)
    listed = []
    for index, choice in enumerate(choices):
        message: dict[str, Any] = {"role": "assistant", "content": "".join(choice.pieces)}
        if choice.tool:
            call = {"name": choice.tool, "arguments": "".join(choice.pieces)}
            listed_call = {"id": f"call_simulated_{index}", "type": "function", "function": call}
            message = {"role": "assistant", "content": None, "tool_calls": [listed_call]}
        listed.append(
            {"index": index, "message": message, "logprobs": None, "finish_reason": choice.finish_reason}
        )
    answer = _envelope(question, "chat.completion") | {"choices": listed}
    usage = count_usage(question, behaviour, sum(len(choice.pieces) for choice in choices))
    return encode(answer if usage is None else answer | {"usage": usage})


def write_chunks(question: Question, behaviour: Behaviour) -> Iterator[tuple[bytes, bool]]:
    """
    The chunks of a streamed answer, without `data:`, and whether each carries a content delta.

    Roles first, then one delta a token, the choices in turn; then finish reasons; then usage if asked for.
    """
    choices = answer_question(question, behaviour)
    envelope = _envelope(question, "chat.completion.chunk")
    emitted = 0

    def chunk(index: int, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
        made = envelope | {"choices": [choice]}
        if behaviour.fault == "cumulative_usage":
            made["usage"] = count_usage(question, behaviour, emitted)
        return encode(made)

    for index, choice in enumerate(choices):
        yield chunk(index, {"role": "assistant", "content": None if choice.tool else ""}), False
        if choice.tool:
            call = {"name": choice.tool, "arguments": ""}
            opening = {"index": 0, "id": f"call_simulated_{index}", "type": "function", "function": call}
            yield chunk(index, {"tool_calls": [opening]}), False
    for place in range(max(len(choice.pieces) for choice in choices)):
        for index, choice in enumerate(choices):
            if place < len(choice.pieces):
                emitted += 1
                piece = choice.pieces[place]
                arguments = {"index": 0, "function": {"arguments": piece}}
                yield chunk(index, {"tool_calls": [arguments]} if choice.tool else {"content": piece}), True
    for index, choice in enumerate(choices):
        yield chunk(index, {}, choice.finish_reason), False
    usage = count_usage(question, behaviour, emitted)
    if question.include_usage and usage is not None and behaviour.fault != "cumulative_usage":
        yield encode(envelope | {"choices": [], "usage": usage}), False


def _envelope(question: Question, kind: str) -> dict[str, Any]:
    return {
        "id": question.id,
        "object": kind,
        "created": 0,
        "model": question.model,
        "system_fingerprint": FINGERPRINT,
    }


def write_embeddings(body: dict[str, Any]) -> bytes:
    """The answer to an embeddings request, floats or base64 as asked."""
    given = body.get("input", "")
    texts = [given] if isinstance(given, str) else [str(one) for one in given]
    dimensions = int(body.get("dimensions") or text.EMBEDDING_DIMENSIONS)
    vectors = [text.embed(one, dimensions=dimensions) for one in texts]
    packed = body.get("encoding_format") == "base64"
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": text.pack_embedding(vector) if packed else vector,
        }
        for index, vector in enumerate(vectors)
    ]
    count = sum(-(-len(one.encode()) // text.PROMPT_BYTES_PER_TOKEN) for one in texts)
    usage = {"prompt_tokens": count, "total_tokens": count}
    return encode({"object": "list", "model": str(body.get("model", "")), "data": data, "usage": usage})


def write_models(names: list[str]) -> bytes:
    """The list of models."""
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "simulated"} for name in names]
    return encode({"object": "list", "data": data})


def write_error(message: str, *, code: str, kind: str = "invalid_request_error") -> bytes:
    """An error in OpenAI's shape."""
    return encode({"error": {"message": f"simulated: {message}", "type": kind, "param": None, "code": code}})

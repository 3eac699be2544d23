"""Answers of the simulated model in OpenAI's shapes: one object, or the chunks of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from workers.simulated import text
from workers.simulated.behaviour import Behaviour

FINGERPRINT = "simulated-no-model"
CHOICES_MAX = 128
IDS = {"chat": "chatcmpl", "completion": "cmpl", "embedding": "embd"}
KINDS = {"chat": "chat.completion", "completion": "text_completion"}
encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Question:
    """
    One request, read as far as the simulated model needs it. A chat has messages, the others have prompts.

    `kind` is "chat", "completion" or "embedding"; `choices` are those of each prompt.
    """

    kind: str
    id: str
    model: str
    messages: list[dict[str, Any]]
    stream: bool
    include_usage: bool
    choices: int
    tokens_max: int | None
    tools: list[dict[str, Any]]
    schema: dict[str, Any] | None
    prompts: list[text.Prompt]
    echo: bool
    packed: bool
    dimensions: int

    def count_prompt(self) -> int:
        """The tokens it has by the simulated model's own rule."""
        if self.kind == "chat":
            return text.count_prompt(self.messages)
        return sum(prompt.tokens for prompt in self.prompts)


@dataclass(frozen=True, slots=True)
class Choice:
    """One finished choice: text in pieces after an `echo`, or one tool call (name, arguments in pieces)."""

    pieces: list[str]
    tool: str
    finish_reason: str
    echo: str = ""


def read_question(body: dict[str, Any], *, number: int, kind: str = "chat") -> Question:
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
    prompts = [] if kind == "chat" else text.read_prompts(body.get("prompt", body.get("input")))
    return Question(
        kind=kind,
        id=f"{IDS[kind]}-simulated-{number}",
        model=str(body.get("model", "")),
        messages=messages,
        stream=bool(body.get("stream")),
        include_usage=bool(options.get("include_usage")),
        choices=min(int(body.get("n") or 1), CHOICES_MAX),
        tokens_max=min(limits) if limits else None,
        tools=body.get("tools") or [] if calls_tool else [],
        schema=schema,
        prompts=prompts,
        echo=bool(body.get("echo")),
        packed=body.get("encoding_format") == "base64",
        dimensions=int(body.get("dimensions") or text.EMBEDDING_DIMENSIONS),
    )


def answer_question(question: Question, behaviour: Behaviour) -> list[Choice]:
    """Decide what each choice says, the choices of the first prompt first."""
    count = question.choices * max(len(question.prompts), 1)
    return [_answer_choice(question, behaviour, index) for index in range(count)]


def _answer_choice(question: Question, behaviour: Behaviour, index: int) -> Choice:
    if behaviour.fault == "empty":
        return Choice([], "", "stop")
    if question.tools and behaviour.fault == "bad_call":
        return Choice(text.split_arguments('{"place": "Oslo", '), "no_such_tool", "tool_calls")
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
    if question.kind == "completion":
        prompt = question.prompts[index // question.choices]
        pieces = text.write_tokens(question=prompt.text, count=count, choice=index % question.choices)
        return Choice(pieces, "", reason, prompt.text if question.echo else "")
    asked = "\n".join(text.content_text(message.get("content")) for message in question.messages)
    return Choice(text.write_tokens(question=asked, count=count, choice=index), "", reason)


def count_usage(question: Question, behaviour: Behaviour, tokens_out: int) -> dict[str, Any] | None:
    """The usage object, as true or as false as the behaviour wants it; None when there is none."""
    if behaviour.fault == "no_usage":
        return None
    tokens_in = question.count_prompt()
    factor = {"zero_usage": 0, "over_report": behaviour.factor}.get(behaviour.fault, 1)
    tokens_in, tokens_out = tokens_in * factor, tokens_out * factor
    if question.kind == "embedding":
        return {"prompt_tokens": tokens_in, "total_tokens": tokens_in}
    return {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def write_answer(question: Question, behaviour: Behaviour) -> bytes:
    """The whole answer of a request that is not streamed."""
    if question.kind == "embedding":
        return _write_embeddings(question, behaviour)
    choices = answer_question(question, behaviour)
    listed: list[dict[str, Any]] = []
    for index, choice in enumerate(choices):
        if question.kind == "completion":
            listed.append(_text_choice(index, choice.echo + "".join(choice.pieces), choice.finish_reason))
            continue
        message: dict[str, Any] = {"role": "assistant", "content": "".join(choice.pieces)}
        if choice.tool:
            call = {"name": choice.tool, "arguments": "".join(choice.pieces)}
            listed_call = {"id": f"call_simulated_{index}", "type": "function", "function": call}
            message = {"role": "assistant", "content": None, "tool_calls": [listed_call]}
        listed.append(
            {"index": index, "message": message, "logprobs": None, "finish_reason": choice.finish_reason}
        )
    answer = _envelope(question, KINDS[question.kind]) | {"choices": listed}
    usage = count_usage(question, behaviour, sum(len(choice.pieces) for choice in choices))
    return encode(answer if usage is None else answer | {"usage": usage})


def write_chunks(question: Question, behaviour: Behaviour) -> Iterator[tuple[bytes, bool]]:
    """
    The chunks of a streamed answer, without `data:`, and whether each carries a content delta.

    Roles first, then one delta a token, the choices in turn; then finish reasons; then usage if asked for.
    """
    choices = answer_question(question, behaviour)
    is_chat = question.kind == "chat"
    envelope = _envelope(question, "chat.completion.chunk" if is_chat else KINDS[question.kind])
    emitted = 0

    def chunk(index: int, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
        if not is_chat:
            choice = _text_choice(index, delta.get("content", ""), reason)
        made = envelope | {"choices": [choice]}
        if behaviour.fault == "cumulative_usage":
            made["usage"] = count_usage(question, behaviour, emitted)
        return encode(made)

    for index, choice in enumerate(choices):
        for delta in _open_choice(index, choice, is_chat=is_chat):
            yield chunk(index, delta), False
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


def _open_choice(index: int, choice: Choice, *, is_chat: bool) -> Iterator[dict[str, Any]]:
    """What comes before a choice's own words: roles and the tool's name, or the prompt."""
    if is_chat:
        yield {"role": "assistant", "content": None if choice.tool else ""}
    elif choice.echo:
        yield {"content": choice.echo}
    if choice.tool:
        call = {"name": choice.tool, "arguments": ""}
        yield {
            "tool_calls": [
                {"index": 0, "id": f"call_simulated_{index}", "type": "function", "function": call}
            ]
        }


def _envelope(question: Question, kind: str) -> dict[str, Any]:
    return {
        "id": question.id,
        "object": kind,
        "created": 0,
        "model": question.model,
        "system_fingerprint": FINGERPRINT,
    }


def _text_choice(index: int, written: str, reason: str | None) -> dict[str, Any]:
    return {"index": index, "text": written, "logprobs": None, "finish_reason": reason}


def _write_embeddings(question: Question, behaviour: Behaviour) -> bytes:
    """One vector for each prompt, floats or base64 as asked; `empty` leaves the last one out."""
    vectors = [text.embed(prompt.text, dimensions=question.dimensions) for prompt in question.prompts]
    if behaviour.fault == "empty":
        vectors.pop()
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": text.pack_embedding(vector) if question.packed else vector,
        }
        for index, vector in enumerate(vectors)
    ]
    answer: dict[str, Any] = {"object": "list", "model": question.model, "data": data}
    usage = count_usage(question, behaviour, 0)
    return encode(answer if usage is None else answer | {"usage": usage})


def write_models(names: list[str]) -> bytes:
    """The list of models."""
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "simulated"} for name in names]
    return encode({"object": "list", "data": data})


def write_error(message: str, *, code: str, kind: str = "invalid_request_error") -> bytes:
    """An error in OpenAI's shape."""
    return encode({"error": {"message": f"simulated: {message}", "type": kind, "param": None, "code": code}})

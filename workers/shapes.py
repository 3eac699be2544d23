"""The shapes of answers on the wire, as far as they are counted; no other part is looked into. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec


class Function(msgspec.Struct):
    """A tool call's name and arguments, or the pieces of them in one delta."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct):
    """A tool call, whole or in part."""

    function: Function | None = None
    custom: dict[str, Any] | None = None


class Content(msgspec.Struct):
    """A message of an answer, or a delta of one: whatever in it is text that the model wrote."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: Function | None = None

    def measure(self) -> tuple[int, int]:
        """Bytes of text, and how many tool calls begin here (those that carry a name)."""
        if self.tool_calls is None and self.function_call is None and self.reasoning_content is None:
            # Nearly every delta is this one.
            content = self.content
            if content and self.reasoning is None and self.refusal is None:
                return (len(content) if content.isascii() else len(content.encode())), 0
        texts = [self.content, self.reasoning_content or self.reasoning, self.refusal]
        calls = 0
        functions = [self.function_call, *(call.function for call in self.tool_calls or ())]
        for function in functions:
            if function is not None:
                calls += bool(function.name)
                texts += [function.name, function.arguments]
        texts += [str(call.custom.get("input", "")) for call in self.tool_calls or () if call.custom]
        return sum(len(text.encode(errors="replace")) for text in texts if text), calls


class ChunkChoice(msgspec.Struct):
    """One choice in a chunk of a stream: a delta of a chat, or the text of a completion."""

    index: int = 0
    delta: Content | None = None
    text: str | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    """One chunk of a stream, as far as it is counted. `usage` stays unread until it is known to be there."""

    choices: list[ChunkChoice] = []
    usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    model: str = ""


class AnswerChoice(msgspec.Struct):
    """One choice of an answer that is not streamed."""

    message: Content
    index: int = 0
    finish_reason: str | None = None


class Answer(msgspec.Struct):
    """An answer of a chat that is not streamed, as far as it is counted."""

    choices: list[AnswerChoice]
    usage: msgspec.Raw = msgspec.Raw()

    def measure(self, echo: Sequence[bytes] = ()) -> list[tuple[int, int, int]]:
        """Of each choice: bytes of text that the model wrote, tool calls, and bytes that it repeats."""
        return [(*choice.message.measure(), 0) for choice in self.choices]


class TextChoice(msgspec.Struct):
    """One choice of a completion that is not streamed."""

    text: str
    index: int = 0
    finish_reason: str | None = None


class TextAnswer(msgspec.Struct):
    """A completion that is not streamed, as far as it is counted."""

    choices: list[TextChoice]
    usage: msgspec.Raw = msgspec.Raw()

    def measure(self, echo: Sequence[bytes] = ()) -> list[tuple[int, int, int]]:
        """As `Answer.measure`. `echo` is what each choice may begin with before the model's own text."""
        measured = []
        for choice in self.choices:
            text = choice.text.encode(errors="replace")
            prompt = echo[choice.index] if 0 <= choice.index < len(echo) else b""
            repeated = len(prompt) if text.startswith(prompt) else 0
            measured.append((len(text) - repeated, 0, repeated))
        return measured


class Embedding(msgspec.Struct):
    """One vector: numbers, or base64 of them. It is passed on unread."""

    embedding: msgspec.Raw
    index: int = 0

    def is_there(self) -> bool:
        """Whether it is a list or a text that holds anything."""
        value = bytes(self.embedding)
        return value[:1] in (b"[", b'"') and len(value) > len("[]") and value[1:-1].strip() != b""


class EmbeddingAnswer(msgspec.Struct):
    """The vectors of an embeddings request, as far as they are counted."""

    data: list[Embedding]
    usage: msgspec.Raw = msgspec.Raw()

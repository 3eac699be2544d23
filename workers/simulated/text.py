"""
What the simulated model says: words chosen by a hash of the question, the same for the same question.

No language model is involved. A token is one word with the space before it; the count of a prompt is its
bytes by four, plus four for each message, as a byte-level tokenizer would come near to.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import Any, NamedTuple

import msgspec

OPENING = ("Simulated", " answer,", " no", " model", " was", " asked:")
ABOUT_ENERGY = (
    "wind sun water heat grid load watt joule meter cable relay turbine panel battery inverter kelvin "
    "river tide night noon surplus tariff window current phase copper silicon fan pump coil spark field"
)
WORDS = [f" {word}" for word in ABOUT_ENERGY.split()]
EMBEDDING_DIMENSIONS = 16
TOKENS_PER_MESSAGE = 4
PROMPT_BYTES_PER_TOKEN = 4
ARGUMENT_PIECE_BYTES = 6


def count_prompt(messages: list[dict[str, Any]]) -> int:
    """Count the prompt's tokens by this program's own rule."""
    size = sum(len(content_text(message.get("content")).encode()) for message in messages)
    return -(-size // PROMPT_BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * len(messages)


class Prompt(NamedTuple):
    """A bare prompt: its text (ids written out), and how many tokens it has by this program's own rule."""

    text: str
    tokens: int


def read_prompts(given: Any) -> list[Prompt]:
    """Read a text, a list of texts, a list of token ids, or a list of such lists."""
    several = given if isinstance(given, list) and not all(isinstance(one, int) for one in given) else [given]
    return [
        Prompt(" ".join(map(str, one)), len(one))
        if isinstance(one, list)
        else Prompt(str(one), -(-len(str(one).encode()) // PROMPT_BYTES_PER_TOKEN))
        for one in several
    ]


def content_text(content: Any) -> str:
    """Join the text parts of a message's content, which may be a string, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def write_tokens(*, question: str, count: int, choice: int) -> list[str]:
    """Write `count` tokens; the same question and choice give the same ones."""
    seed = int.from_bytes(hashlib.blake2b(f"{choice}:{question}".encode(), digest_size=8).digest())
    tokens = list(OPENING[:count])
    while len(tokens) < count:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        tokens.append(WORDS[(seed >> 33) % len(WORDS)])
    return tokens


def fill_schema(schema: dict[str, Any]) -> Any:
    """Give the simplest value that a JSON schema accepts, for tool arguments and structured answers."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            wanted = schema.get("properties", {})
            return {
                name: fill_schema(wanted[name]) for name in schema.get("required", wanted) if name in wanted
            }
        case "array":
            return [fill_schema(schema.get("items", {}))]
        case "integer":
            return 1
        case "number":
            return 1.5
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "simulated"


def split_arguments(text: str) -> list[str]:
    """Cut a tool call's arguments into the pieces it is streamed in."""
    return [text[at : at + ARGUMENT_PIECE_BYTES] for at in range(0, len(text), ARGUMENT_PIECE_BYTES)]


def call_tool(tools: list[dict[str, Any]]) -> tuple[str, str]:
    """Choose the first tool and give its name and its arguments as JSON text."""
    function = tools[0].get("function", {})
    arguments = fill_schema(function.get("parameters") or {"type": "object"})
    return str(function.get("name", "")), msgspec.json.encode(arguments).decode()


def embed(text: str, *, dimensions: int) -> list[float]:
    """A vector of unit length made from a hash of the text."""
    raw = hashlib.shake_128(text.encode()).digest(dimensions * 2)
    values = [value / 32768 for (value,) in struct.iter_unpack(">h", raw)]
    length = sum(value * value for value in values) ** 0.5 or 1.0
    return [value / length for value in values]


def pack_embedding(values: list[float]) -> str:
    """The base64 of little-endian 32-bit floats, as the SDK asks for by default."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()

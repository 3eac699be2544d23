"""Chat requests: what is read of them, and what is refused. Pure; see `workers.bodies` for what all share."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from marketplace.listings import CHAT
from workers import bodies, metering
from workers.bodies import BodyInvalid, ModelRequest

PROMPT_FIELDS = ("messages", "tools", "functions", "response_format", "documents")
KNOWN = bodies.UNMEASURED | frozenset(PROMPT_FIELDS) | {"best_of"}
CHOICES_MAX = 16
# Only these are measured by number instead of by their bytes: text under another name is still text.
MEDIA = frozenset({"image_url", "input_audio", "file", "video_url"})
MEDIA_MARKS = tuple(b'"%s"' % name.encode() for name in MEDIA)

# `\u` and four digits are six bytes; the character is of three at most.
ESCAPE_BYTES_SPARED = 3

NO_MESSAGES = re.compile(rb"\[\s*\]")

_fields_decoder = msgspec.json.Decoder(dict[str, Raw])
_list_decoder = msgspec.json.Decoder(list[Raw])


def read_chat(body: bytes) -> ModelRequest:
    """
    Read the body of a chat request.

    :raises BodyInvalid: 400 with the field's name in `param`
    :raises marketplace.preferences.RoutingRefused: for a routing field that cannot be honoured
    """
    fields = bodies.split(body)
    messages = bytes(fields.get("messages", Raw(b"null")))
    if messages[:1] != b"[":
        raise BodyInvalid("messages must be a list of messages.", param="messages")
    if NO_MESSAGES.match(messages):
        # A model server would answer from its template alone, and that would be charged.
        raise BodyInvalid("messages must hold at least one message.", param="messages")
    stream, include_usage = bodies.read_stream(fields)
    choices = bodies.read_choices(fields, limit=CHOICES_MAX)
    text_bytes, media = _measure_prompt(fields)
    return ModelRequest(
        endpoint=CHAT,
        fields=fields,
        routing=bodies.read_routing(fields),
        stream=stream,
        include_usage=include_usage,
        choices=choices,
        limit=bodies.read_limit(fields),
        text_bytes=text_bytes,
        media=media,
        longest=-(-text_bytes // metering.PROMPT_BYTES_PER_TOKEN_MAX),
        beyond=bodies.measure_beyond(fields, known=KNOWN),
    )


def _measure_prompt(fields: Mapping[str, Raw]) -> tuple[int, int]:
    size = media = 0
    for name in PROMPT_FIELDS:
        if name in fields:
            raw = bytes(fields[name])
            size += _measure_text(raw)
            if name == "messages" and any(mark in raw for mark in MEDIA_MARKS):
                hidden, media = _measure_media(raw)
                size -= hidden
    return max(size, 0), media


def _measure_text(raw: bytes) -> int:
    """Bytes of text: as long as it is written, but for the characters written as escapes."""
    if b"\\u" not in raw:
        return len(raw)
    # A backslash that is escaped itself begins no escape.
    return len(raw) - ESCAPE_BYTES_SPARED * raw.replace(b"\\\\", b"__").count(b"\\u")


def _measure_media(messages: bytes) -> tuple[int, int]:
    """How many bytes of the messages are pictures and sounds, and how many of these there are."""
    hidden = count = 0
    try:
        for message in _list_decoder.decode(messages):
            content = _get(message, "content")
            if bytes(memoryview(content)[:1]) != b"[":
                continue
            for part in _list_decoder.decode(content):
                if bytes(_get(part, "type")) in MEDIA_MARKS:
                    count += 1
                    # As it stands in the body, so that no more is taken off than was counted.
                    hidden += _measure_text(bytes(part))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BodyInvalid("messages cannot be read.", param="messages") from None
    return hidden, count


def _get(fields: Raw, name: str) -> Raw:
    is_object = bytes(memoryview(fields)[:1]) == b"{"
    return _fields_decoder.decode(fields).get(name, Raw()) if is_object else Raw()

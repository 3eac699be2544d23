"""
Chat requests: what is read of them, what is refused, and what may be changed before they are sent on. Pure.

The body is split into its top-level fields and no further: the bytes of every field that is not named here
reach the model server exactly as they came. Changed are, exhaustively: `model` (the upstream's own name),
`max_tokens` and `max_completion_tokens` (the offer's default when absent, lowered to what is allowed),
`stream_options.include_usage` (set on streams); routing fields and identifiers of the buyer's users go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from msgspec import Raw

from core.errors import DomainError
from marketplace import preferences
from workers import metering

USER_FIELDS = frozenset({"user", "safety_identifier", "metadata", "session_id", "trace"})
REMOVED = preferences.ROUTING_FIELDS | USER_FIELDS | {"usage"}
ROUTING_READ = ("model", "models", "provider", "route", "plugins", "service_tier")
LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
PROMPT_FIELDS = ("messages", "tools", "functions", "response_format")
CHOICES_MAX = 16
FIELDS_MAX = 200
# Only these are measured by number instead of by their bytes: text under another name is still text.
MEDIA = frozenset({"image_url", "input_audio", "file", "video_url"})
MEDIA_MARKS = tuple(b'"%s"' % name.encode() for name in MEDIA)

# `\u` and four digits are six bytes; the character is of three at most.
ESCAPE_BYTES_SPARED = 3

_fields_decoder = msgspec.json.Decoder(dict[str, Raw])
_list_decoder = msgspec.json.Decoder(list[Raw])
_encoder = msgspec.json.Encoder()


class ChatInvalid(DomainError):
    """A request that is wrong in itself; `param` is the path of the field."""

    status = 400
    code = "invalid_request"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message, param=param)
        self.param = param
        if code is not None:
            self.code = code


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """
    One chat request, read. `limit` is what the buyer allows each choice to have in tokens, None if unsaid;
    `text_bytes` and `media` measure the prompt; `include_usage` is whether a stream's buyer asked for usage.
    """

    fields: Mapping[str, Raw]
    routing: preferences.Routing
    stream: bool
    include_usage: bool
    choices: int
    limit: int | None
    text_bytes: int
    media: int

    def write_body(self, *, model: str, tokens_out: int) -> bytes:
        """The body for an upstream: its own name of the model, and `tokens_out` for each choice at most."""
        fields = {name: value for name, value in self.fields.items() if name not in REMOVED}
        fields["model"] = Raw(_encoder.encode(model))
        limits = [name for name in LIMIT_FIELDS if _is_given(fields, name)]
        for name in limits or LIMIT_FIELDS[:1]:
            fields[name] = Raw(b"%d" % tokens_out)
        if self.stream:
            given = fields.get("stream_options", Raw(b"null"))
            options = _fields_decoder.decode(given) if bytes(given) != b"null" else {}
            fields["stream_options"] = Raw(_encoder.encode(options | {"include_usage": Raw(b"true")}))
        return _encoder.encode(fields)


def read_chat(body: bytes) -> ChatRequest:
    """
    Read the body of a chat request.

    :raises ChatInvalid: 400 with the field's name in `param`
    :raises marketplace.preferences.RoutingRefused: for a routing field that cannot be honoured
    """
    fields = _split(body)
    if bytes(fields.get("messages", Raw(b"null")))[:1] != b"[":
        raise ChatInvalid("messages must be a list of messages.", param="messages")
    stream = _read(fields, "stream", bool, False)
    options = _read(fields, "stream_options", dict[str, Raw], {})
    include_usage = _read(options, "include_usage", bool, False, prefix="stream_options.")
    if options and not stream:
        raise ChatInvalid("stream_options is only for streams.", param="stream_options")
    choices = _read(fields, "n", int, 1)
    if not 1 <= choices <= CHOICES_MAX:
        raise ChatInvalid(f"n must be between 1 and {CHOICES_MAX}.", param="n")
    text_bytes, media = _measure_prompt(fields)
    wanted = {name: msgspec.json.decode(fields[name]) for name in ROUTING_READ if name in fields}
    return ChatRequest(
        fields=fields,
        routing=preferences.parse_routing(wanted),
        stream=stream,
        include_usage=include_usage,
        choices=choices,
        limit=_read_limit(fields),
        text_bytes=text_bytes,
        media=media,
    )


def bound_prompt(request: ChatRequest, *, context_length: int) -> metering.InputBounds:
    """
    Bound the prompt's tokens.

    :raises ChatInvalid: when it surely is longer than the model's context
    """
    if request.text_bytes > context_length * metering.PROMPT_BYTES_PER_TOKEN_MAX:
        message = f"The prompt is longer than this model's context of {context_length} tokens."
        raise ChatInvalid(message, param="messages", code="context_length_exceeded")
    return metering.bound_input(
        text_bytes=request.text_bytes, media=request.media, context_length=context_length
    )


def choose_limit(request: ChatRequest, *, context_length: int, default: int, cap: int) -> int:
    """
    Choose how many tokens each choice may have.

    :raises ChatInvalid: when the buyer allows more than the model's whole context
    """
    if request.limit is None:
        return min(default, cap, context_length)
    if request.limit > context_length:
        name = next(name for name in LIMIT_FIELDS if _is_given(request.fields, name))
        message = f"{name} is {request.limit}, but this model's context has {context_length} tokens."
        raise ChatInvalid(message, param=name, code="max_tokens_exceeded")
    return min(request.limit, cap)


def _split(body: bytes) -> dict[str, Raw]:
    try:
        if not body.isascii():
            body.decode()
        fields = _fields_decoder.decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise ChatInvalid(f"The request is not a JSON object: {error}", code="invalid_json") from None
    except RecursionError:
        raise ChatInvalid("The request is nested too deeply.", code="invalid_json") from None
    if len(fields) > FIELDS_MAX:
        raise ChatInvalid(f"The request has more than {FIELDS_MAX} fields.")
    return fields


def _is_given(fields: Mapping[str, Raw], name: str) -> bool:
    return name in fields and bytes(fields[name]) != b"null"


def _read[Value](
    fields: Mapping[str, Raw], name: str, kind: type[Value], absent: Value, *, prefix: str = ""
) -> Value:
    if not _is_given(fields, name):
        return absent
    try:
        return msgspec.json.decode(fields[name], type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ChatInvalid(f"{prefix}{name}: {error}", param=f"{prefix}{name}") from None


def _read_limit(fields: Mapping[str, Raw]) -> int | None:
    limits = []
    for name in LIMIT_FIELDS:
        if _is_given(fields, name):
            limit = _read(fields, name, int, 0)
            if limit < 1:
                raise ChatInvalid(f"{name} must be at least 1.", param=name)
            limits.append(limit)
    return min(limits) if limits else None


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
        raise ChatInvalid("messages cannot be read.", param="messages") from None
    return hidden, count


def _get(fields: Raw, name: str) -> Raw:
    is_object = bytes(memoryview(fields)[:1]) == b"{"
    return _fields_decoder.decode(fields).get(name, Raw()) if is_object else Raw()

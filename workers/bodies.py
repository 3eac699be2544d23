"""
Requests to models as they come over the wire: what is read of every one of them, and what may be changed
before they are sent on. Pure.

A body is split into its top-level fields and no further: the bytes of every field that is not named here
reach the model server exactly as they came. Changed are, exhaustively: `model` (the upstream's own name),
`max_tokens` and `max_completion_tokens` (a default when absent, lowered to what is allowed; not where a model
writes nothing), `stream_options.include_usage` (set on streams); routing fields and identifiers of the
buyer's users go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from msgspec import Raw

from core.errors import DomainError
from marketplace import preferences
from marketplace.listings import EMBEDDINGS
from workers import metering

USER_FIELDS = frozenset({"user", "safety_identifier", "metadata", "session_id", "trace"})
REMOVED = preferences.ROUTING_FIELDS | USER_FIELDS | {"usage"}
ROUTING_READ = ("model", "models", "provider", "route", "plugins", "service_tier")
LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
FIELDS_MAX = 200

# What no model server puts before a model: it says how to write, where, and in which form to answer.
SETTINGS = frozenset(
    {
        *("model", "stream", "stream_options", "n", "seed", "stop", "service_tier", "store"),
        *("temperature", "top_p", "top_k", "min_p", "typical_p", "logit_bias", "logprobs", "top_logprobs"),
        *("presence_penalty", "frequency_penalty", "repetition_penalty", "repeat_penalty", "min_tokens"),
        *("ignore_eos", "stop_token_ids", "skip_special_tokens", "parallel_tool_calls", "priority"),
    }
)
UNMEASURED = SETTINGS | REMOVED | frozenset(LIMIT_FIELDS)
# A template may write any text any number of times; the others make pictures and sounds any number of tokens.
BOUNDLESS_FIELDS = frozenset({"chat_template", "mm_processor_kwargs", "media_io_kwargs"})
TEMPLATE_VALUES = "chat_template_kwargs"
# Bytes beyond what any context holds.
BOUNDLESS = 2**53
_encoder = msgspec.json.Encoder()
_fields_decoder = msgspec.json.Decoder(dict[str, Raw])


class BodyInvalid(DomainError):
    """A request that is wrong in itself; `param` is the path of the field."""

    status = 400
    code = "invalid_request"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message, param=param)
        self.param = param
        if code is not None:
            self.code = code


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """
    One request to a model, read.

    `endpoint` says which kind of work it is. `choices` is how many answers it gets in all, `limit` what the
    buyer allows each of them in tokens (None if unsaid, 0 where none are written); `include_usage` is whether
    a stream's buyer asked for usage.

    `text_bytes`, `media` and `tokens` (given as ids) measure what is to be read, in `prompts` pieces that do
    not share a context; `longest` is how many tokens the longest of them surely has. `beyond` are bytes of
    fields that a server may put before the model or not. `echo` holds the text of each prompt when the
    answers repeat it.
    """

    endpoint: str
    fields: Mapping[str, Raw]
    routing: preferences.Routing
    stream: bool
    include_usage: bool
    choices: int
    limit: int | None
    text_bytes: int
    media: int
    longest: int
    template: int = metering.TEMPLATE_TOKENS_MAX
    tokens: int = 0
    prompts: int = 1
    prompt_field: str = "messages"
    beyond: int = 0
    echo: tuple[bytes, ...] = ()

    def write_body(self, *, model: str, tokens_out: int) -> bytes:
        """The body for an upstream: its own name of the model, and `tokens_out` for each choice at most."""
        fields = {name: value for name, value in self.fields.items() if name not in REMOVED}
        fields["model"] = Raw(_encoder.encode(model))
        if self.endpoint != EMBEDDINGS:
            limits = [name for name in LIMIT_FIELDS if is_given(fields, name)]
            for name in limits or LIMIT_FIELDS[:1]:
                fields[name] = Raw(b"%d" % tokens_out)
        if self.stream:
            given = fields.get("stream_options", Raw(b"null"))
            options = _fields_decoder.decode(given) if bytes(given) != b"null" else {}
            fields["stream_options"] = Raw(_encoder.encode(options | {"include_usage": Raw(b"true")}))
        return _encoder.encode(fields)


def bound_prompt(request: ModelRequest, *, context_length: int) -> metering.InputBounds:
    """
    Bound the tokens of all prompts.

    :raises BodyInvalid: when one surely is longer than the model's context
    """
    if request.longest > context_length:
        message = f"The prompt is longer than this model's context of {context_length} tokens."
        raise BodyInvalid(message, param=request.prompt_field, code="context_length_exceeded")
    return metering.bound_input(
        text_bytes=request.text_bytes,
        media=request.media,
        context_length=context_length,
        tokens=request.tokens,
        prompts=request.prompts,
        template=request.template,
        beyond_bytes=request.beyond,
    )


def choose_limit(request: ModelRequest, *, context_length: int, default: int, cap: int) -> int:
    """
    Choose how many tokens each choice may have.

    :raises BodyInvalid: when the buyer allows more than the model's whole context
    """
    if request.limit is None:
        return min(default, cap, context_length)
    if request.limit > context_length:
        name = next((name for name in LIMIT_FIELDS if is_given(request.fields, name)), LIMIT_FIELDS[0])
        message = f"{name} is {request.limit}, but this model's context has {context_length} tokens."
        raise BodyInvalid(message, param=name, code="max_tokens_exceeded")
    return min(request.limit, cap)


def split(body: bytes) -> dict[str, Raw]:
    """
    Split a body into its fields.

    :raises BodyInvalid: it is no JSON object, or has too many
    """
    try:
        if not body.isascii():
            body.decode()
        fields = _fields_decoder.decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise BodyInvalid(f"The request is not a JSON object: {error}", code="invalid_json") from None
    except RecursionError:
        raise BodyInvalid("The request is nested too deeply.", code="invalid_json") from None
    if len(fields) > FIELDS_MAX:
        raise BodyInvalid(f"The request has more than {FIELDS_MAX} fields.")
    return fields


def is_given(fields: Mapping[str, Raw], name: str) -> bool:
    """Whether a field is there and not null."""
    return name in fields and bytes(fields[name]) != b"null"


def read[Value](
    fields: Mapping[str, Raw], name: str, kind: type[Value], absent: Value, *, prefix: str = ""
) -> Value:
    """
    Read one field.

    :raises BodyInvalid: it is of another kind
    """
    if not is_given(fields, name):
        return absent
    try:
        return msgspec.json.decode(fields[name], type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BodyInvalid(f"{prefix}{name}: {error}", param=f"{prefix}{name}") from None


def measure_beyond(fields: Mapping[str, Raw], *, known: frozenset[str]) -> int:
    """
    Bytes of the fields that are sent on and may reach the model, without those in `known`, which holds
    `UNMEASURED` and what is measured elsewhere; `BOUNDLESS` where bytes say nothing of how much is read.

    :raises BodyInvalid: if a field would keep from the buyer, and from the count, what the model wrote
    """
    if known.issuperset(fields):
        return 0
    _refuse_hiding(fields)
    size = 0
    for name in fields.keys() - known:
        if is_given(fields, name):
            if name in BOUNDLESS_FIELDS or (name == TEMPLATE_VALUES and _holds_boundless(fields[name])):
                return BOUNDLESS
            size += len(bytes(fields[name]))
    return size


def _holds_boundless(values: Raw) -> bool:
    # Servers lay these over the request's own fields.
    if bytes(values)[:1] != b"{":
        return False
    return not BOUNDLESS_FIELDS.isdisjoint(_fields_decoder.decode(values))


def _refuse_hiding(fields: Mapping[str, Raw]) -> None:
    hiding = None
    if not read(fields, "include_reasoning", bool, True):
        hiding = "include_reasoning"
    elif bytes(fields.get("reasoning", Raw()))[:1] == b"{":
        reasoning = read(fields, "reasoning", dict[str, Raw], {})
        if read(reasoning, "exclude", bool, False, prefix="reasoning."):
            hiding = "reasoning.exclude"
    if bytes(fields.get("reasoning_format", Raw()))[:1] == b'"':
        hiding = "reasoning_format" if read(fields, "reasoning_format", str, "") == "hidden" else hiding
    if hiding is not None:
        message = f"{hiding} would hide what the model wrote, and what you never see could not be counted."
        raise BodyInvalid(message, param=hiding, code="unsupported_value")


def read_choices(fields: Mapping[str, Raw], *, limit: int) -> int:
    """
    Read how many answers a prompt gets.

    :raises BodyInvalid: it is not between 1 and `limit`, or more are to be written than given
    """
    each = read_count(fields, "n", limit=limit)
    drawn = read(fields, "best_of", int, each) if "best_of" in fields else each
    if drawn < each:
        raise BodyInvalid("best_of must be at least n.", param="best_of")
    if drawn > each:
        # Buyers pay for what they receive, and nobody could check what was thrown away.
        message = "best_of beyond n is not served: answers that you never see could not be counted. Raise n."
        raise BodyInvalid(message, param="best_of", code="unsupported_value")
    return each


def read_stream(fields: Mapping[str, Raw]) -> tuple[bool, bool]:
    """
    Whether the answer is streamed, and whether its buyer asked for usage.

    :raises BodyInvalid: options of a stream without a stream
    """
    stream = read(fields, "stream", bool, False)
    options = read(fields, "stream_options", dict[str, Raw], {})
    include_usage = read(options, "include_usage", bool, False, prefix="stream_options.")
    if options and not stream:
        raise BodyInvalid("stream_options is only for streams.", param="stream_options")
    return stream, include_usage


def read_count(fields: Mapping[str, Raw], name: str, *, limit: int) -> int:
    """
    Read a count that is 1 unless said otherwise.

    :raises BodyInvalid: it is not between 1 and `limit`
    """
    count = read(fields, name, int, 1)
    if not 1 <= count <= limit:
        raise BodyInvalid(f"{name} must be between 1 and {limit}.", param=name)
    return count


def read_limit(fields: Mapping[str, Raw], *, lowest: int = 1) -> int | None:
    """
    The tokens that each choice may have; None if unsaid.

    :raises BodyInvalid: less than `lowest`
    """
    limits = []
    for name in LIMIT_FIELDS:
        if is_given(fields, name):
            limit = read(fields, name, int, 0)
            if limit < lowest:
                raise BodyInvalid(f"{name} must be at least {lowest}.", param=name)
            limits.append(limit)
    return min(limits) if limits else None


def read_routing(fields: Mapping[str, Raw]) -> preferences.Routing:
    """
    Read what says where a request may run.

    :raises marketplace.preferences.RoutingRefused: for a routing field that cannot be honoured
    """
    return preferences.parse_routing(
        {name: msgspec.json.decode(fields[name]) for name in ROUTING_READ if name in fields}
    )

"""
The agent protocol, versions 1 and 2, as the agent speaks it; see docs/reference/agent-protocol.md.

One WebSocket message is one frame: type u8, attempt id u64, attempt number u16 (big endian), then
the payload: JSON for control frames, raw bytes for BODY and CHUNK. Frames that belong to no attempt
carry zero in both places.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Any, NamedTuple

VERSION = 2
# One version back is spoken too, and a relay of one version on comes down to this one.
VERSION_MIN = 1

_HEADER = Struct(">BQH")
HEADER_BYTES = _HEADER.size
PAYLOAD_BYTES_MAX = 64 * 1024
FRAME_BYTES_MAX = HEADER_BYTES + PAYLOAD_BYTES_MAX

REQUEST_BYTES_MAX = 16 * 1024 * 1024
CREDIT_BYTES_MAX = 16 * 1024 * 1024
HEADERS_MAX = 32
MODELS_MAX = 256
NAME_LENGTH_MAX = 200
TEXT_LENGTH_MAX = 500
HEARTBEAT_SECONDS_MAX = 60.0


class Kind(IntEnum):
    """The first byte of a frame."""

    HELLO = 1
    WELCOME = 2
    REFUSED = 3
    HEARTBEAT = 4
    REQUEST = 5
    BODY = 6
    HEAD = 7
    CHUNK = 8
    END = 9
    RECEIPT = 10
    RECEIPT_ACK = 11
    CREDIT = 12
    CANCEL = 13
    DRAIN = 14
    ERROR = 15


class FrameRefused(Exception):
    """The relay sent something that is no frame of this protocol."""


class Frame(NamedTuple):
    """One frame, its payload not looked into."""

    kind: Kind
    attempt_id: int
    number: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Welcome:
    """The relay's answer to a hello; `protocol` is the version both will speak."""

    protocol: int
    node: str
    epoch: int
    slots: int
    credit_bytes: int
    heartbeat_seconds: float


@dataclass(frozen=True, slots=True)
class Request:
    """An attempt to run. `body_bytes` of BODY follow; `credit_bytes` of CHUNK may be sent unasked."""

    method: str
    path: str
    headers: dict[str, str]
    body_bytes: int
    attempt_uid: str
    receipt_uid: str
    card_uid: str
    nonce: str
    credit_bytes: int


def encode(kind: Kind, payload: bytes = b"", *, attempt_id: int = 0, number: int = 0) -> bytes:
    """Make a frame of a payload that is bytes already."""
    return _HEADER.pack(kind, attempt_id, number) + payload


def encode_control(kind: Kind, control: dict[str, Any], *, attempt_id: int = 0, number: int = 0) -> bytes:
    """Make a frame of a JSON payload; bytes inside become base64."""
    text = json.dumps(control, separators=(",", ":"), ensure_ascii=False, default=_encode_bytes)
    return _HEADER.pack(kind, attempt_id, number) + text.encode()


def _encode_bytes(value: object) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"a frame cannot carry {type(value).__name__}")


def decode(message: bytes | str) -> Frame:
    """
    Split a message into its header and payload.

    :raises FrameRefused: text, too short, too long, or of an unknown kind
    """
    if isinstance(message, str) or not HEADER_BYTES <= len(message) <= FRAME_BYTES_MAX:
        raise FrameRefused("a frame is binary and has a header and a limited payload")
    kind, attempt_id, number = _HEADER.unpack_from(message)
    try:
        return Frame(Kind(kind), attempt_id, number, message[HEADER_BYTES:])
    except ValueError as error:
        raise FrameRefused(f"no frame is of kind {kind}") from error


def decode_control(payload: bytes) -> dict[str, Any]:
    """
    Read a JSON payload.

    :raises FrameRefused: no JSON object
    """
    try:
        control = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise FrameRefused("the payload is not JSON") from error
    if not isinstance(control, dict):
        raise FrameRefused("the payload is not a JSON object")
    return control


def read_welcome(payload: bytes) -> Welcome:
    """:raises FrameRefused: a field is missing, of another type, or outside its limits"""
    control = decode_control(payload)
    return Welcome(
        protocol=_whole(control, "protocol", most=2**15),
        node=_text(control, "node"),
        epoch=_whole(control, "epoch", most=2**63 - 1),
        slots=_whole(control, "slots", most=2**31),
        credit_bytes=_whole(control, "credit_bytes", most=CREDIT_BYTES_MAX),
        heartbeat_seconds=_seconds(control, "heartbeat_seconds"),
    )


def read_request(payload: bytes) -> Request:
    """:raises FrameRefused: a field is missing, of another type, or outside its limits"""
    control = decode_control(payload)
    headers = control.get("headers")
    if not isinstance(headers, dict) or len(headers) > HEADERS_MAX:
        raise FrameRefused("headers: expected an object of texts")
    return Request(
        method=_text(control, "method"),
        path=_text(control, "path"),
        headers={str(name): str(value) for name, value in headers.items()},
        body_bytes=_whole(control, "body_bytes", most=REQUEST_BYTES_MAX),
        attempt_uid=_text(control, "attempt_uid"),
        receipt_uid=_text(control, "receipt_uid"),
        card_uid=_text(control, "card_uid"),
        nonce=_text(control, "nonce"),
        credit_bytes=_whole(control, "credit_bytes", most=CREDIT_BYTES_MAX),
    )


def read_drain(payload: bytes) -> str:
    """
    Give why the relay wants this agent to leave; nothing when the relay itself is leaving.

    :raises FrameRefused: no JSON object
    """
    reason = decode_control(payload).get("reason")
    return reason if isinstance(reason, str) else ""


def read_credit(payload: bytes) -> int:
    """:raises FrameRefused: not a whole number of bytes within its limits"""
    return _whole(decode_control(payload), "bytes", most=CREDIT_BYTES_MAX)


def read_refusal(payload: bytes) -> tuple[str, str]:
    """
    Give the code and message of REFUSED or ERROR.

    :raises FrameRefused: either is missing
    """
    control = decode_control(payload)
    return _text(control, "code"), _text(control, "message", most=TEXT_LENGTH_MAX)


def read_settled(payload: bytes) -> list[str]:
    """
    Give the attempts whose receipts need not be sent again, stored and rejected alike.

    :raises FrameRefused: either list is missing
    """
    control = decode_control(payload)
    stored, rejected = control.get("stored"), control.get("rejected")
    if not isinstance(stored, list) or not isinstance(rejected, list):
        raise FrameRefused("stored, rejected: expected lists")
    return [str(uid) for uid in (*stored, *rejected)]


def _text(control: dict[str, Any], name: str, *, most: int = NAME_LENGTH_MAX) -> str:
    value = control.get(name)
    if not isinstance(value, str) or len(value) > most:
        raise FrameRefused(f"{name}: expected a text of at most {most} letters")
    return value


def _whole(control: dict[str, Any], name: str, *, most: int) -> int:
    value = control.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise FrameRefused(f"{name}: expected a whole number up to {most}")
    return value


def _seconds(control: dict[str, Any], name: str) -> float:
    value = control.get(name)
    if not isinstance(value, int | float) or not 0 < value <= HEARTBEAT_SECONDS_MAX:
        raise FrameRefused(f"{name}: expected seconds up to {HEARTBEAT_SECONDS_MAX}")
    return float(value)

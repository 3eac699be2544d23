"""
The agent protocol, versions 1 and 2, as the relay speaks it; see docs/reference/agent-protocol.md.

One WebSocket message is one frame: type u8, attempt id u64, attempt number u16 (big endian), then
the payload: JSON for control frames, raw bytes for BODY and CHUNK. Frames that belong to no attempt
carry zero in both places. `agent/protocol.py` is the other end; it shares no code with this one,
and golden frames in tests/agent/fixtures prove that both mean the same bytes.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct as Layout
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

VERSION = 2
# One version back is spoken too, and an agent of one version on comes down to this one.
VERSION_MIN = 1

_HEADER = Layout(">BQH")
HEADER_BYTES = _HEADER.size
PAYLOAD_BYTES_MAX = 64 * 1024
FRAME_BYTES_MAX = HEADER_BYTES + PAYLOAD_BYTES_MAX

REQUEST_BYTES_MAX = 16 * 1024 * 1024
HEADERS_MAX = 32
MODELS_MAX = 256
SLOTS_MAX = 4096
CHIPS_MAX = 65_536
RECEIPT_BYTES_MAX = 8 * 1024
ACKS_MAX = 500
LOST_MAX = 32
# Above any single computer; a reading beyond it is a fault, not a measurement.
WATTS_MAX = 1_000_000.0

CLOSE_GARBAGE = 4000
CLOSE_REFUSED = 4001
CLOSE_REPLACED = 4002
CLOSE_REVOKED = 4003
CLOSE_SILENT = 4004
CLOSE_GOING_AWAY = 1012


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


RAW_KINDS = frozenset({Kind.BODY, Kind.CHUNK})
_KINDS = {int(kind): kind for kind in Kind}


class FrameRefused(Exception):
    """The bytes are no frame of this protocol: too short, too long, unknown, or not what it says."""


class Frame(NamedTuple):
    """One frame, its payload not looked into."""

    kind: Kind
    attempt_id: int
    number: int
    payload: bytes


Tier = Literal["declared", "polled", "counter"]
Outcome = Literal[
    "complete", "cancelled", "refused", "upstream_unreachable", "upstream_timeout", "upstream_broken"
]
Count = Annotated[int, Meta(ge=0, le=2**62)]
# PostgreSQL keeps no NUL, and a log or a page has no use for the others.
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
Text = Annotated[str, Meta(max_length=500)]


class Control(msgspec.Struct):
    """A JSON payload. Unknown fields are ignored, so that a later agent may say more."""


class Energy(Control):
    """What the agent's meter has counted since the agent started; never falls while `instance` lasts."""

    microjoules: Count
    tier: Tier
    span_ms: Count


class Lost(Control):
    """A way to measure that the agent gave up, and why."""

    source: Name
    part: Name
    reason: Text


class Hello(Control):
    """
    The first frame of an agent. `public_key` is the raw Ed25519 key in base64.

    From version 2: `protocol_min`, the oldest version it speaks; `takeover`, that an agent which is connected
    with this node may finish what it runs; `lost`, which sensors it gave up.
    """

    protocol: int
    agent_version: Name
    instance: Name
    models: Annotated[list[Name], Meta(max_length=MODELS_MAX)]
    chips: Annotated[int, Meta(ge=1, le=CHIPS_MAX)]
    slots: Annotated[int, Meta(ge=1, le=SLOTS_MAX)]
    watts_idle: Annotated[float, Meta(ge=0, le=WATTS_MAX)]
    watts_busy: Annotated[float, Meta(ge=0, le=WATTS_MAX)]
    public_key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    energy: Energy
    machine_id: Name | None = None
    protocol_min: int | UnsetType = UNSET
    takeover: bool | UnsetType = UNSET
    lost: Annotated[list[Lost], Meta(max_length=LOST_MAX)] | UnsetType = UNSET


class Version(Control):
    """Only the versions of a hello, read first: a later hello may have another shape."""

    protocol: int
    protocol_min: int | None = None


class Welcome(Control):
    """The relay's answer: the connection's epoch and the limits it will keep to."""

    protocol: int
    node: str
    epoch: int
    slots: int
    credit_bytes: int
    heartbeat_seconds: float


class Refused(Control):
    """Why the connection ends. `code` is for programs."""

    code: Name
    message: Text


class Heartbeat(Control):
    """Sent every `heartbeat_seconds`. `models` is empty while the model server does not answer."""

    energy: Energy
    running: Count
    models: Annotated[list[Name], Meta(max_length=MODELS_MAX)]
    lost: Annotated[list[Lost], Meta(max_length=LOST_MAX)] | UnsetType = UNSET


class Request(Control):
    """An attempt begins. `body_bytes` of BODY follow. `nonce` is hexadecimal."""

    method: str
    path: str
    headers: dict[str, str]
    body_bytes: int
    attempt_uid: UUID
    receipt_uid: UUID
    card_uid: UUID
    nonce: str
    credit_bytes: int


class Head(Control):
    """The model server's status and the headers that matter."""

    status: Annotated[int, Meta(ge=200, le=599)]
    headers: Annotated[dict[str, str], Meta(max_length=HEADERS_MAX)]


class Receipt(Control):
    """A signed statement: `signature` (Ed25519) is over the bytes of `body` exactly as they stand."""

    body: Annotated[bytes, Meta(min_length=1, max_length=RECEIPT_BYTES_MAX)]
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]


class End(Control):
    """The upstream has stopped; the attempt's slot is free."""

    outcome: Outcome
    energy: Energy
    receipt: Receipt | None = None
    message: Text = ""


class ReceiptAck(Control):
    """`stored`: kept for good. `rejected`: will never be; the agent need not send either again."""

    stored: list[UUID]
    rejected: list[UUID]


class Credit(Control):
    """The agent may send this many more bytes of CHUNK for the attempt."""

    bytes: int


class Cancel(Control):
    """The buyer left or time ran out: stop the upstream and confirm with END."""

    reason: str


class Drain(Control):
    """
    The sender takes no new attempts and leaves within `seconds`.

    From version 2 a relay may ask an agent to do so, and says why: `takeover` or `token_ended`.
    """

    seconds: Annotated[float, Meta(ge=0, le=86_400)]
    reason: Name | UnsetType = UNSET


class Error(Control):
    """Something the other side should write into its log."""

    code: Name
    message: Text


class VersionUnsupported(Exception):
    """The two sides have no version in common. The message names what each speaks."""


def agree_version(offered: Version) -> int:
    """
    Give the newest version that both sides speak.

    :raises VersionUnsupported: there is none
    """
    least = offered.protocol if offered.protocol_min is None else offered.protocol_min
    agreed = min(offered.protocol, VERSION)
    if agreed < max(least, VERSION_MIN):
        theirs = str(offered.protocol) if least == offered.protocol else f"{least} to {offered.protocol}"
        raise VersionUnsupported(
            f"this exchange speaks agent protocol {VERSION_MIN} to {VERSION}, the agent {theirs}: "
            + ("update the agent" if offered.protocol < VERSION_MIN else "the exchange is older")
        )
    return agreed


_encode_json = msgspec.json.Encoder().encode


def encode(kind: Kind, payload: bytes = b"", *, attempt_id: int = 0, number: int = 0) -> bytes:
    """Make a frame of a payload that is bytes already."""
    return _HEADER.pack(kind, attempt_id, number) + payload


def encode_control(kind: Kind, control: Control, *, attempt_id: int = 0, number: int = 0) -> bytes:
    """Make a frame of a control payload."""
    return _HEADER.pack(kind, attempt_id, number) + _encode_json(control)


def decode(message: bytes) -> Frame:
    """
    Split a message into its header and payload.

    :raises FrameRefused: too short, too long, or of an unknown kind
    """
    if not HEADER_BYTES <= len(message) <= FRAME_BYTES_MAX:
        raise FrameRefused(f"a frame has {HEADER_BYTES} to {FRAME_BYTES_MAX} bytes, not {len(message)}")
    kind, attempt_id, number = _HEADER.unpack_from(message)
    if kind not in _KINDS:
        raise FrameRefused(f"no frame is of kind {kind}")
    return Frame(_KINDS[kind], attempt_id, number, message[HEADER_BYTES:])


def decode_control[C: Control](payload: bytes, shape: type[C]) -> C:
    """
    Read a control payload.

    :raises FrameRefused: no JSON, or not of this shape or within its limits
    """
    try:
        return msgspec.json.decode(payload, type=shape)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FrameRefused(f"{shape.__name__.lower()}: {error}") from error

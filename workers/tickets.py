"""
Tickets: what a gateway shows a relay so that one attempt may run on one node.

A ticket is made by whoever admitted the attempt and read by the relay; both hold the same secret
and neither asks a database. It names the attempt, the receipt that was allotted to it, the price
card it runs under and the node it may run on, and it runs out.

Text form: base64url(payload) "." base64url(mac), without padding. The payload is a fixed
structure (big endian): version u8, attempt id u64, attempt number u16, attempt uid, receipt uid,
card uid, node uid (16 bytes each), expiry in whole milliseconds since 1970 u64. The mac is
HMAC-SHA256 over a domain tag and the payload, so that no other use of the secret can produce one.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from struct import Struct
from typing import NamedTuple
from uuid import UUID

VERSION = 1
DOMAIN_TAG = b"jouleport-ticket-v1\x00"
NONCE_TAG = b"jouleport-receipt-nonce-v1\x00"
NONCE_BYTES = 16
SECRET_BYTES_MIN = 16

_LAYOUT = Struct(">BQH16s16s16s16sQ")
# 83 bytes of payload and 32 of mac, in base64 without padding, and the dot.
TEXT_LENGTH = (_LAYOUT.size * 4 + 2) // 3 + 1 + (32 * 4 + 2) // 3


class TicketRefused(Exception):
    """The ticket is malformed, was not made with our secret, or has run out. The message says which."""


class Ticket(NamedTuple):
    """What a verified ticket says. `expires_at` is in seconds since 1970 (UTC)."""

    attempt_id: int
    number: int
    attempt_uid: UUID
    receipt_uid: UUID
    card_uid: UUID
    node_uid: UUID
    expires_at: float


def issue(
    secret: bytes,
    *,
    attempt_id: int,
    attempt_uid: UUID,
    receipt_uid: UUID,
    card_uid: UUID,
    node_uid: UUID,
    expires_at: float,
    number: int = 1,
) -> str:
    """Make a ticket. `expires_at` is in seconds since 1970 (UTC) and is kept to the millisecond."""
    payload = _LAYOUT.pack(
        VERSION,
        attempt_id,
        number,
        attempt_uid.bytes,
        receipt_uid.bytes,
        card_uid.bytes,
        node_uid.bytes,
        int(expires_at * 1000),
    )
    mac = hmac.digest(secret, DOMAIN_TAG + payload, "sha256")
    return (urlsafe_b64encode(payload).rstrip(b"=") + b"." + urlsafe_b64encode(mac).rstrip(b"=")).decode()


def verify(secret: bytes, text: str, *, now: float) -> Ticket:
    """
    Read a ticket. `now` is in seconds since 1970 (UTC).

    :raises TicketRefused: malformed, of another version, forged, or run out
    """
    if len(text) != TEXT_LENGTH:
        raise TicketRefused("the ticket is malformed")
    head, _, tail = text.partition(".")
    try:
        payload, mac = urlsafe_b64decode(head + "=="), urlsafe_b64decode(tail + "==")
    except (NotBase64, ValueError) as error:
        raise TicketRefused("the ticket is malformed") from error
    if not hmac.compare_digest(hmac.digest(secret, DOMAIN_TAG + payload, "sha256"), mac):
        raise TicketRefused("the ticket was not made with this exchange's secret")
    if len(payload) != _LAYOUT.size or payload[0] != VERSION:
        raise TicketRefused("the ticket is of another version")
    _, attempt_id, number, attempt_uid, receipt_uid, card_uid, node_uid, expires_ms = _LAYOUT.unpack(payload)
    if now * 1000 >= expires_ms:
        raise TicketRefused("the ticket has run out")
    return Ticket(
        attempt_id,
        number,
        UUID(bytes=attempt_uid),
        UUID(bytes=receipt_uid),
        UUID(bytes=card_uid),
        UUID(bytes=node_uid),
        expires_ms / 1000,
    )


def derive_nonce(secret: bytes, *, attempt_uid: UUID, receipt_uid: UUID) -> bytes:
    """
    Give the 16-byte nonce that the agent's receipt for this attempt must carry.

    It is derived, not stored, so that any relay can check a receipt that another relay's agent
    re-sends hours later, and no agent can write receipts for attempts it was never given.
    """
    message = NONCE_TAG + attempt_uid.bytes + receipt_uid.bytes
    return hmac.digest(secret, message, "sha256")[:NONCE_BYTES]

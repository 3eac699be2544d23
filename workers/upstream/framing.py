"""
The relay's framing: the model server's bytes, one record separator, then the relay's meter as JSON.

The relay replaces any record separator inside the model server's bytes, so the first one ends them.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

SEPARATOR = b"\x1e"
HEADER = b"jouleport-framing"
METER_BYTES_MAX = 4096
TIERS = frozenset({"declared", "polled", "counter", "cross_checked", "attested"})
ATTRIBUTIONS = frozenset({"estimated", "apportioned", "measured"})
# More than a rack uses in a year: beyond it a figure is broken, not big.
QUANTITY_MAX = Decimal(10) ** 13
# PostgreSQL reads no figure with thousands of places, and no relay writes more than these.
PLACES_MAX = 12


class MeterRefused(Exception):
    """The meter frame is missing, too long or makes no sense."""


class Meter(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """
    What the relay and the agent measured of one attempt.

    `chip_seconds` by the relay's clock, `joules` by the agent, with the tier of the instrument and how the
    attempt's part was found. `complete` is False when the agent's side of the answer broke off.
    """

    chip_seconds: Decimal
    joules: Decimal
    tier: str
    attribution: str
    complete: bool


def read_meter(data: bytes) -> Meter:
    """
    Read a meter frame.

    :raises MeterRefused: not the JSON it must be, an unknown word, or a quantity that is negative or absurd
    """
    try:
        meter = msgspec.json.decode(data, type=Meter)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise MeterRefused(f"the meter frame cannot be read: {error}") from error
    for quantity in (meter.chip_seconds, meter.joules):
        if not quantity.is_finite() or not 0 <= quantity <= QUANTITY_MAX:
            raise MeterRefused(f"the meter frame gives {quantity}")
        if not -PLACES_MAX <= int(quantity.as_tuple().exponent) <= PLACES_MAX:
            raise MeterRefused(f"the meter frame gives a quantity of other than {PLACES_MAX} places at most")
    if meter.tier not in TIERS or meter.attribution not in ATTRIBUTIONS:
        raise MeterRefused(f"the meter frame says {meter.tier!r}, {meter.attribution!r}")
    return meter


class FrameReader:
    """Splits a framed body, as it comes, into the model server's bytes and the meter."""

    __slots__ = ("_framed", "_meter")

    def __init__(self, *, framed: bool) -> None:
        self._framed = framed
        self._meter: bytearray | None = None

    def feed(self, data: bytes) -> bytes:
        """
        Give the model server's part of these bytes; keep the meter's.

        :raises MeterRefused: the meter frame is too long
        """
        if not self._framed:
            return data
        if self._meter is None:
            at = data.find(SEPARATOR)
            if at < 0:
                return data
            self._meter = bytearray(data[at + 1 :])
            data = data[:at]
        else:
            self._meter += data
            data = b""
        if len(self._meter) > METER_BYTES_MAX:
            raise MeterRefused("the meter frame is too long")
        return data

    def finish(self) -> Meter | None:
        """
        Give the meter once the body has ended; None for an upstream that is not behind a relay.

        :raises MeterRefused: a framed body ended without a proper meter
        """
        if not self._framed:
            return None
        if self._meter is None:
            raise MeterRefused("the answer ended without a meter frame")
        return read_meter(bytes(self._meter))

"""The relay's meter is split from the model server's bytes and refused when it makes no sense."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.upstream.framing import FrameReader, MeterRefused, read_meter

METER = (
    b'{"chip_seconds":"1.234567","joules":"3.210","tier":"declared",'
    b'"attribution":"apportioned","complete":true}'
)


@given(body=st.binary(max_size=60).filter(lambda body: b"\x1e" not in body), cut=st.integers(0, 200))
def test_splits_body_and_meter_at_any_cut(body: bytes, cut: int) -> None:
    reader = FrameReader(framed=True)
    sent = body + b"\x1e" + METER

    got = reader.feed(sent[:cut]) + reader.feed(sent[cut:])
    meter = reader.finish()

    assert got == body
    assert meter is not None
    assert (meter.chip_seconds, meter.joules, meter.complete) == (Decimal("1.234567"), Decimal("3.210"), True)


def test_passes_an_unframed_body_and_gives_no_meter() -> None:
    reader = FrameReader(framed=False)

    assert reader.feed(b"a\x1eb") == b"a\x1eb"
    assert reader.finish() is None


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        METER[:-1],
        METER.replace(b"3.210", b"-1"),
        METER.replace(b"3.210", b"NaN"),
        METER.replace(b"3.210", b"1e400"),
        METER.replace(b"3.210", b"1E-20000"),
        METER.replace(b"1.234567", b"0E+20000"),
        METER.replace(b"declared", b"guessed"),
        METER.replace(b"true", b'"yes"'),
    ],
)
def test_refuses_a_meter_that_makes_no_sense(broken: bytes) -> None:
    with pytest.raises(MeterRefused):
        read_meter(broken)


def test_refuses_a_framed_body_without_a_meter() -> None:
    reader = FrameReader(framed=True)
    reader.feed(b"only a body")

    with pytest.raises(MeterRefused):
        reader.finish()


def test_refuses_an_endless_meter() -> None:
    reader = FrameReader(framed=True)

    with pytest.raises(MeterRefused):
        reader.feed(b"\x1e" + b" " * 5000)

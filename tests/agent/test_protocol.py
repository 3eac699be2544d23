"""Both ends of the protocol were written apart; these frames are what both must mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import protocol as agent_end
from workers import protocol as relay_end

GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).parent / "fixtures" / "frames.json").read_text())
SHAPES: dict[str, type[relay_end.Control]] = {
    "HELLO": relay_end.Hello,
    "WELCOME": relay_end.Welcome,
    "REFUSED": relay_end.Refused,
    "HEARTBEAT": relay_end.Heartbeat,
    "REQUEST": relay_end.Request,
    "HEAD": relay_end.Head,
    "END": relay_end.End,
    "RECEIPT": relay_end.Receipt,
    "RECEIPT_ACK": relay_end.ReceiptAck,
    "CREDIT": relay_end.Credit,
    "CANCEL": relay_end.Cancel,
    "DRAIN": relay_end.Drain,
    "ERROR": relay_end.Error,
}


def name(golden: dict[str, Any]) -> str:
    return str(golden["kind"])


@pytest.mark.parametrize("golden", GOLDEN, ids=name)
def test_the_agent_writes_the_golden_bytes(golden: dict[str, Any]) -> None:
    kind = agent_end.Kind[golden["kind"]]
    whose = {"attempt_id": golden["attempt_id"], "number": golden["number"]}

    if "control" in golden:
        written = agent_end.encode_control(kind, golden["control"], **whose)
    else:
        written = agent_end.encode(kind, bytes.fromhex(golden["payload"]), **whose)

    assert written.hex() == golden["frame"]


@pytest.mark.parametrize("golden", GOLDEN, ids=name)
def test_the_relay_writes_the_golden_bytes(golden: dict[str, Any]) -> None:
    kind = relay_end.Kind[golden["kind"]]
    whose = {"attempt_id": golden["attempt_id"], "number": golden["number"]}
    frame = relay_end.decode(bytes.fromhex(golden["frame"]))

    if "control" in golden:
        control = relay_end.decode_control(frame.payload, SHAPES[golden["kind"]])
        written = relay_end.encode_control(kind, control, **whose)
    else:
        written = relay_end.encode(kind, frame.payload, **whose)

    assert written.hex() == golden["frame"]


@pytest.mark.parametrize("golden", GOLDEN, ids=name)
def test_both_ends_read_the_same(golden: dict[str, Any]) -> None:
    message = bytes.fromhex(golden["frame"])

    here, there = agent_end.decode(message), relay_end.decode(message)

    assert here.kind.name == there.kind.name == golden["kind"]
    assert here[1:] == there[1:]
    if "control" in golden:
        assert agent_end.decode_control(here.payload) == golden["control"]


def test_every_kind_has_a_golden_frame_and_the_same_number_at_both_ends() -> None:
    assert {golden["kind"] for golden in GOLDEN} == {kind.name for kind in agent_end.Kind}
    assert {kind.name: int(kind) for kind in agent_end.Kind} == {
        kind.name: int(kind) for kind in relay_end.Kind
    }


def test_both_ends_keep_to_the_same_limits() -> None:
    for limit in ("VERSION", "PAYLOAD_BYTES_MAX", "FRAME_BYTES_MAX", "REQUEST_BYTES_MAX", "MODELS_MAX"):
        assert getattr(agent_end, limit) == getattr(relay_end, limit)


@given(message=st.binary(max_size=200))
def test_garbage_is_refused_by_both_ends_and_nothing_else_happens(message: bytes) -> None:
    for decode, refused in (
        (agent_end.decode, agent_end.FrameRefused),
        (relay_end.decode, relay_end.FrameRefused),
    ):
        try:
            decode(message)
        except refused:
            continue
        assert len(message) >= relay_end.HEADER_BYTES


@given(payload=st.binary(max_size=200) | st.text(max_size=50).map(lambda text: json.dumps(text).encode()))
def test_a_payload_that_is_not_what_it_should_be_is_refused(payload: bytes) -> None:
    for read in (agent_end.read_welcome, agent_end.read_request, agent_end.read_credit):
        with pytest.raises(agent_end.FrameRefused):
            read(payload)
    for shape in SHAPES.values():
        with pytest.raises(relay_end.FrameRefused):
            relay_end.decode_control(payload, shape)

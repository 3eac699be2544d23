"""An agent that takes nothing keeps nobody waiting but itself."""

from __future__ import annotations

import asyncio

import pytest

from workers.relay import agents
from workers.relay.agents import Wire
from workers.relay.asgi import Message


async def test_a_frame_that_is_not_taken_ends_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "SEND_SECONDS_MAX", 0.05)

    async def send(_: Message) -> None:
        await asyncio.Event().wait()

    reader = asyncio.create_task(asyncio.Event().wait())
    wire = Wire(send, reader=reader)

    async with asyncio.timeout(5):
        await wire.send_frame(b"frame")
        await wire.refuse(1012, "relay_leaving", "this relay is leaving")
        with pytest.raises(asyncio.CancelledError):
            await reader

    assert wire.stalled

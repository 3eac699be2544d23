"""Whose machine it is: agents share a meter only with their own organization's."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from workers import protocol
from workers.relay.agents import AgentDoor, Welcomed, Wire
from workers.relay.asgi import Message
from workers.relay.nodes import Known, Registry, Session


def open_session(registry: Registry, *, number: int, organization_id: int) -> Session:
    unused: Any = None
    door = AgentDoor(store=unused, registry=registry, frames=unused, heartbeat_seconds=5)
    known = Known(number, UUID(int=number), number, b"", "ACTIVE", 1, 50.0, 4, None, organization_id)
    hello = protocol.Hello(
        protocol=1,
        agent_version="1",
        instance="one",
        models=[],
        chips=1,
        slots=4,
        watts_idle=50,
        watts_busy=300,
        public_key=b"k" * 32,
        energy=protocol.Energy(microjoules=0, tier="counter", span_ms=0),
        machine_id="gpu1",
    )

    async def send(_: Message) -> None: ...

    return door._open(known, Welcomed(hello, epoch=1), Wire(send))


def test_another_providers_machine_of_the_same_name_is_another_machine() -> None:
    registry = Registry(on_change=lambda: None)

    first, second, foreign = (
        open_session(registry, number=number, organization_id=organization_id)
        for number, organization_id in ((1, 10), (2, 10), (3, 20))
    )

    assert first.meter.machine is second.meter.machine
    assert foreign.meter.machine is not first.meter.machine

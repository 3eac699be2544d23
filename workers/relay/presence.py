"""
Telling gateways which nodes are here.

One Redis key per relay, written every two seconds and on change, gone ten seconds after the relay.
It is advice: an emptied or absent Redis stops no attempt, and the next write puts everything back.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from uuid import uuid4

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from workers.relay.nodes import Registry

KEY_PREFIX = "relay:"
CHANNEL = "relays"
LIFE_SECONDS = 10
WRITE_SECONDS = 2.0
# Changes that come together are written together.
GATHER_SECONDS = 0.05
REDIS_SECONDS_MAX = 2.0

log = logging.getLogger("jouleport.relay.presence")


class Presence:
    """Keeps this relay's key in Redis."""

    def __init__(self, *, redis_url: str, relay_url: str) -> None:
        self.relay_id = uuid4().hex
        self._redis: Redis = Redis.from_url(
            redis_url, socket_timeout=REDIS_SECONDS_MAX, socket_connect_timeout=REDIS_SECONDS_MAX
        )
        self._relay_url = relay_url
        self._changed = asyncio.Event()
        self._published: object = None
        self._away = False

    def change(self) -> None:
        """Write soon."""
        self._changed.set()

    async def run(self, registry: Registry) -> None:
        """Write on change and every WRITE_SECONDS, until cancelled."""
        while True:
            self._changed.clear()
            await self._try_write(registry)
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._changed.wait()
                await asyncio.sleep(GATHER_SECONDS)
            except TimeoutError:
                continue

    async def _try_write(self, registry: Registry) -> None:
        try:
            await self.write(registry)
        except (RedisError, OSError, TimeoutError) as error:
            if not self._away:
                log.warning("Redis is away", extra={"reason": str(error)[:200]})
            self._away = True
            self._published = None
        else:
            if self._away:
                log.info("Redis is back")
            self._away = False

    async def write(self, registry: Registry) -> None:
        """Write what is here; publish when a gateway should choose differently now."""
        nodes = describe(registry)
        content = msgspec.json.encode({"url": self._relay_url, "nodes": nodes})
        # A count that moved within the slots is news at the next scan, not for everybody at once.
        choice = {
            uid: (node["epoch"], node["slots"], node["models"], node["busy"] >= node["slots"])
            for uid, node in nodes.items()
        }
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.set(KEY_PREFIX + self.relay_id, content, ex=LIFE_SECONDS)
            if choice != self._published:
                pipeline.publish(CHANNEL, self.relay_id)
            await pipeline.execute()
        self._published = choice

    async def leave(self) -> None:
        """Take the key away and close."""
        try:
            async with asyncio.timeout(REDIS_SECONDS_MAX):
                await self._redis.delete(KEY_PREFIX + self.relay_id)
                await self._redis.publish(CHANNEL, self.relay_id)
        except (RedisError, OSError, TimeoutError):
            log.info("left without telling Redis")
        await self._redis.aclose()


def describe(registry: Registry) -> dict[str, dict[str, Any]]:
    """Give the nodes that may be sent attempts; one that drains is not among them."""
    return {
        str(session.known.node_uid): {
            "epoch": session.epoch,
            "slots": session.slots,
            "busy": session.busy,
            "models": session.models,
            "tier": session.meter.tier,
        }
        for session in registry
        if not session.draining
    }

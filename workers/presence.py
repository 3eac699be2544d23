"""What relays say of the nodes they hold, as Redis has it. No Django."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec
import redis.asyncio as redis

from marketplace.listings import NodePresence

PATTERN = "relay:*"
SCAN_COUNT = 1000

logger = logging.getLogger(__name__)


class NodeWord(msgspec.Struct):
    """What a relay says of one node."""

    epoch: int = 0
    slots: int = 0
    busy: int = 0
    models: frozenset[str] | None = None
    tier: str = "declared"


class RelayWord(msgspec.Struct):
    """What a relay writes under its name: its address and its nodes."""

    url: str
    nodes: dict[str, NodeWord]


async def read_relays(client: redis.Redis) -> dict[str, RelayWord]:
    """
    What every relay says, by its name; one that cannot be understood is left out.

    :raises redis.RedisError: Redis does not answer
    """
    names = [name async for name in client.scan_iter(match=PATTERN, count=SCAN_COUNT)]
    words: dict[str, RelayWord] = {}
    for name, value in zip(names, await client.mget(names) if names else (), strict=True):
        try:
            if value is not None:
                words[str(name)] = msgspec.json.decode(value, type=RelayWord)
        except (msgspec.DecodeError, msgspec.ValidationError):
            logger.warning("A relay's word cannot be read: %s", name)
    return words


def merge_presence(words: Mapping[str, RelayWord]) -> dict[str, NodePresence]:
    """One view of all relays; of a node that two of them name, the later connection is the true one."""
    presence: dict[str, NodePresence] = {}
    for word in words.values():
        for node_uid, node in word.nodes.items():
            known = presence.get(node_uid)
            if known is None or known.epoch < node.epoch:
                presence[node_uid] = NodePresence(
                    relay_url=word.url,
                    slots=node.slots,
                    busy=node.busy,
                    models=node.models,
                    epoch=node.epoch,
                    tier=node.tier,
                )
    return presence

"""
Where a node answers: behind a relay, or at an address of its provider's own.

Both are called alike. What differs is who vouches for the call (a ticket, or the provider's credential) and
who is believed: only relays meter, so a provider's own headers are never taken for a relay's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from core.addresses import AddressRefused
from core.credentials import CredentialUnreadable, Vault
from marketplace.listings import NodePresence
from workers.upstream import guard
from workers.upstream.client import Client, Origin, Timeouts, read_origin
from workers.upstream.connection import Response
from workers.upstream.framing import HEADER

RELAY_HEADER = b"x-jouleport-relay"
QUERY = "SELECT node_id, node_uid, uid, url, slots, credential, running FROM upstreams_v1()"
# What ends an attempt at an address that does not take the credential its provider gave, and the event of it.
CREDENTIAL_REFUSED = "credential_refused"
COMPLAINT = """
    INSERT INTO node_event (node_id, kind, details)
    SELECT %s, 'CREDENTIAL_REFUSED', jsonb_build_object('attempt', %s::text)
     WHERE NOT EXISTS (SELECT FROM node_event WHERE node_id = %s AND kind = 'CREDENTIAL_REFUSED'
                                                AND created_at > now() - interval '10 minutes')
    RETURNING id
"""
HIDDEN = "[credential]"
VERSION = "/v1"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """
    Where to call a node: `prefix` is the path before `/v1/…`; a direct one has its own in place of `/v1`.

    Of a direct one: its credential, how many requests it takes at once, and how many of all gateways ran on
    it when the book was read.
    """

    origin: Origin
    prefix: str
    direct: bool = False
    credential: str = field(default="", repr=False)
    slots: int = 0
    running: int = 0
    node_id: int = 0

    def hide(self, text: str) -> str:
        """A text of the upstream without the credential, should it repeat it."""
        return text.replace(self.credential, HIDDEN) if self.credential else text


@lru_cache(maxsize=4096)
def aim_at_relay(url: str, node_uid: str) -> Target:
    """A node behind a relay."""
    origin, prefix = read_origin(url)
    return Target(origin, f"{prefix}/nodes/{node_uid}")


async def call(
    client: Client,
    guarded: guard.Guard,
    target: Target,
    *,
    path: str,
    body: bytes,
    issue_ticket: Callable[[], str],
    request_id: str,
    attempt_uid: UUID,
    trace: bytes = b"",
    timeouts: Timeouts | None = None,
    started: Callable[[Response], None] | None = None,
) -> Response:
    """
    Send a JSON request and give its answer once its head is in. Redirects are answers like any other.

    :param path: what is asked for, such as `/v1/chat/completions`
    :param trace: header lines that tell a relay which trace it takes part in
    :raises UpstreamError: there is no answer
    """
    origin = target.origin
    if target.direct:
        origin = await guarded.pin(origin)
        path = path.removeprefix(VERSION)
        # What the buyer called the request is no business of somebody else's server.
        headers = b"authorization: Bearer %s\r\nx-request-id: %s\r\n" % (
            target.credential.encode(),
            attempt_uid.hex.encode(),
        )
    else:
        headers = b"x-jouleport-ticket: %s\r\nx-request-id: %s\r\n" % (
            issue_ticket().encode(),
            request_id.encode(),
        )
        headers += trace
    response = await client.post(
        origin=origin,
        path=target.prefix + path,
        headers=b"content-type: application/json\r\naccept-encoding: identity\r\n" + headers,
        body=body,
        timeouts=timeouts,
        started=started,
    )
    if target.direct:
        response.headers.pop(HEADER, None)
        response.headers.pop(RELAY_HEADER, None)
    return response


def refuses_credential(response: Response) -> bool:
    """Whether an answer that no relay gave says that our credential is not taken."""
    return response.status in (401, 403) and not response.headers.get(RELAY_HEADER)


def list_complaint(node_id: int, attempt_uid: UUID) -> list[Any]:
    """What COMPLAINT takes."""
    return [node_id, str(attempt_uid), node_id]


class Directory:
    """Reads the rows of `upstreams_v1`; what cannot be used is left out and logged once."""

    def __init__(self, keys: tuple[str, ...], *, policy: guard.Policy) -> None:
        self._vault = Vault(keys) if keys else None
        self._policy = policy
        self._opened: dict[tuple[UUID, str, bytes], str] = {}
        self._refused: set[tuple[UUID, str, bytes]] = set()

    def read(self, rows: Iterable[tuple[Any, ...]]) -> dict[str, Target]:
        """Targets by node uid."""
        targets: dict[str, Target] = {}
        opened: dict[tuple[UUID, str, bytes], str] = {}
        refused: set[tuple[UUID, str, bytes]] = set()
        for node_id, node_uid, uid, url, slots, token, running in rows:
            key = (uid, url, bytes(token))
            try:
                origin, prefix = guard.read_address(url, ports=self._policy.ports)
                credential = self._opened.get(key) or self._open(uid, url, key[2])
            except (AddressRefused, CredentialUnreadable) as error:
                refused.add(key)
                if key not in self._refused:
                    logger.error("Upstream %s cannot be used: %s", uid, error)
                continue
            opened[key] = credential
            targets[str(node_uid)] = Target(origin, prefix, True, credential, slots, running, node_id)
        self._opened, self._refused = opened, refused
        return targets

    def _open(self, uid: UUID, url: str, token: bytes) -> str:
        if self._vault is None:
            raise CredentialUnreadable("JOULEPORT_CREDENTIAL_KEYS is not set")
        return self._vault.open(token, purpose=name_purpose(uid, url))


def name_purpose(uid: UUID, url: str) -> str:
    """What a credential is sealed for: this upstream at this address, and no other."""
    return f"upstream {uid} {url}"


def add_presence(
    presence: Mapping[str, NodePresence], targets: Mapping[str, Target], running: Mapping[int, int]
) -> dict[str, NodePresence]:
    """
    What relays say, and the direct upstreams as nodes that are always there.

    :param running: attempts of this process by node id, which the book's count may not know yet
    """
    nodes = dict(presence)
    for node_uid, target in targets.items():
        busy = max(target.running, running.get(target.node_id, 0))
        nodes[node_uid] = NodePresence(relay_url="", slots=target.slots, busy=min(busy, target.slots))
    return nodes

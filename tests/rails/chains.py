"""A stand-in chain on a real socket, and what tests do on it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from accounts.audit import SYSTEM
from accounts.models import Organization
from billing import approvals
from billing.models import ChainDeposit, Entry
from billing.rails.chain import assignment, deposits
from billing.rails.chain.reader import JsonRpcReader, make_policy
from core import outgoing
from core.outgoing import GuardedTransport
from stand_ins.chain.blocks import Chain
from stand_ins.chain.server import ChainServer
from tests.rails.orders import ALICE, BOB, TOKEN
from tests.settlement import settling

CHAIN_ID = 31337


class LocalChain:
    """A chain of its own, with block 0 and nothing in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.reader = JsonRpcReader(url=url, chain_id=CHAIN_ID, token=TOKEN)

    def call(self, method: str, *given: Any) -> Any:
        """The result of a call of the stand-in's own, over HTTP."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": f"standin_{method}", "params": given})
        answer = outgoing.call(
            method="POST",
            url=self.url,
            content=body.encode(),
            transport=GuardedTransport(policy=make_policy(self.url)),
        )
        return json.loads(answer.body)["result"]


@contextmanager
def run_chain() -> Iterator[LocalChain]:
    """A chain that is served until the end."""
    server = ChainServer(("127.0.0.1", 0), Chain(CHAIN_ID, TOKEN))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield LocalChain(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def assign(amount: Decimal, *, owner: Organization, now: datetime) -> Entry:
    """The entry with which two people gave USDC of nobody's to its owner."""
    deposit(amount, owner=None, now=now)
    desk = settling.make_desk()
    asked = assignment.prepare(
        deposit=ChainDeposit.objects.latest("id"),
        organization_uid=owner.uid,
        reason="They sent the receipt.",
        actor=desk.ann,
        now=now,
    )
    approvals.approve(approval=asked, sha256=asked.sha256, actor=desk.bob, now=now)
    return Entry.objects.latest("id")


def deposit(amount: Decimal, *, owner: Organization | None, now: datetime) -> Entry:
    """The entry of USDC that arrived at an address of ours, given to `owner` or to nobody."""
    deposits.add_addresses(addresses=[ALICE], actor=SYSTEM, now=now)
    if owner is not None:
        deposits.assign_address(organization=owner, actor=SYSTEM, now=now)
    with run_chain() as chain:
        chain.call("transfer", BOB, ALICE, deposits.to_units(amount))
        chain.call("mine", 1)
        deposits.follow_chain(reader=chain.reader, confirmations=1, now=now)
    return Entry.objects.latest("id")

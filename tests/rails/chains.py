"""A stand-in chain on a real socket, and what tests do on it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from billing.rails.chain.reader import JsonRpcReader, make_policy
from core import outgoing
from core.outgoing import GuardedTransport
from stand_ins.chain.blocks import Chain
from stand_ins.chain.server import ChainServer
from tests.rails.orders import TOKEN

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

"""The chain behind HTTP: JSON-RPC 2.0 at `/`, and a page that says what this is."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from stand_ins.chain import pages
from stand_ins.chain.blocks import Chain, Leg, read_batch

NAME = "Jouleport stand-in chain: no real chain, no real money"
BODY_BYTES_MAX = 5_000_000
METHOD_UNKNOWN = -32601
INVALID_PARAMETERS = -32602
UNREADABLE = -32700


class ChainServer(ThreadingHTTPServer):
    """One chain at one address; calls are answered one after another."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], chain: Chain) -> None:
        super().__init__(address, Handler)
        self.chain = chain
        self.lock = threading.Lock()

    def call(self, method: str, given: list[Any]) -> Any:
        """
        The result of one call.

        :raises KeyError: if there is no such method
        :raises ValueError, TypeError, IndexError: if its parameters are wrong
        """
        with self.lock:
            return CALLS[method](self.chain, *given)


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: ChainServer

    def do_GET(self) -> None:
        """Show a wallet that never runs dry, from which a browser can send."""
        place = urlsplit(self.path)
        if place.path != "/":
            self._send(404, pages.HTML, pages.write_page("There is no such page", ""))
            return
        asked = {name: values[-1] for name, values in parse_qs(place.query).items()}
        self._send(200, pages.HTML, pages.write_wallet(self.server.chain, asked))

    def do_POST(self) -> None:
        """Answer a call, or send what the page's form says."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_BYTES_MAX:
            self._send(413, "text/plain; charset=utf-8", b"too large\n")
            return
        body = self.rfile.read(length)
        if self.path == "/send":
            self._send_from_page(body)
            return
        try:
            asked = json.loads(body)
            number, method, given = asked.get("id"), asked["method"], asked.get("params", [])
        except (ValueError, KeyError, AttributeError):
            self._answer({"id": None, "error": {"code": UNREADABLE, "message": "This is no call."}})
            return
        self._answer({"id": number} | self._find_answer(method, given))

    def _send_from_page(self, body: bytes) -> None:
        form = {name: values[-1] for name, values in parse_qs(body.decode(errors="replace")).items()}
        try:
            recipient, units = pages.read_form(form)
            made = self.server.call("standin_transfer", [pages.WALLET, recipient, units])
        except ValueError as error:
            self._send(422, pages.HTML, pages.write_wallet(self.server.chain, form, wrong=str(error)))
            return
        self._send(200, pages.HTML, pages.write_sent(made, form))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Be silent: a desk looks at what calls, not at this."""

    def _find_answer(self, method: str, given: list[Any]) -> dict[str, Any]:
        if method not in CALLS:
            return {"error": {"code": METHOD_UNKNOWN, "message": f"There is no {method} here."}}
        try:
            return {"result": self.server.call(method, given)}
        except (ValueError, TypeError, IndexError, KeyError) as error:
            return {"error": {"code": INVALID_PARAMETERS, "message": str(error)}}

    def _answer(self, said: dict[str, Any]) -> None:
        self._send(200, "application/json", json.dumps({"jsonrpc": "2.0"} | said).encode())

    def _send(self, status: int, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def transfer(chain: Chain, sender: str, recipient: str, units: int, token: str = "") -> str:
    """Let a transfer wait for the next block; of another token, if one is named."""
    return chain.send([Leg((token or chain.token).lower(), sender.lower(), recipient.lower(), int(units))])


def send_batch(chain: Chain, batch: dict[str, Any], succeeds: bool = True) -> str:
    """Carry out a multisig wallet's batch file, as its signers would; answers the hash of the transaction."""
    return chain.send(read_batch(batch), succeeds=succeeds)


CALLS: dict[str, Callable[..., Any]] = {
    "web3_clientVersion": lambda _: NAME,
    "eth_chainId": lambda chain: hex(chain.chain_id),
    "eth_blockNumber": lambda chain: hex(chain.head.number),
    "eth_getLogs": lambda chain, wanted: chain.find_logs(wanted),
    "eth_call": lambda chain, wanted, tag=None: chain.find_balance(wanted, tag),
    "eth_getTransactionReceipt": lambda chain, tx_hash: chain.find_receipt(tx_hash),
    "standin_mine": lambda chain, count=1: hex(chain.mine(int(count))),
    "standin_transfer": transfer,
    "standin_batch": send_batch,
    "standin_replace": lambda chain, depth, keep=(): hex(chain.replace(int(depth), keep=keep)),
}

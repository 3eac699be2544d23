"""The page from which a browser sends what stands in for USDC."""

import threading
from collections.abc import Iterator

import httpx
import pytest

from stand_ins.chain.__main__ import CHAIN_ID, USDC
from stand_ins.chain.blocks import Chain
from stand_ins.chain.server import ChainServer

TO = "0xebEA9399cF9F3f355e66f41A278F6B2F45250858"


@pytest.fixture
def chain() -> Iterator[ChainServer]:
    """A chain whose blocks come when they are asked for."""
    server = ChainServer(("127.0.0.1", 0), Chain(CHAIN_ID, USDC))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_form_sends_and_says_that_nothing_is_worth_anything(chain: ChainServer) -> None:
    base = f"http://127.0.0.1:{chain.server_port}"

    shown = httpx.get(base, params={"to": TO}).text
    sent = httpx.post(f"{base}/send", data={"to": TO, "amount": "12.5"})
    chain.call("standin_mine", [1])

    assert "Nothing here is worth anything" in shown
    assert f'value="{TO}"' in shown
    assert (sent.status_code, "12.5 USDC" in sent.text) == (200, True)
    [log] = chain.call("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "latest", "address": USDC}])
    assert int(log["data"], 16) == 12_500_000
    assert log["topics"][2].endswith(TO[2:].lower())


@pytest.mark.parametrize(
    ("to", "amount"), [("nobody", "1"), (TO, "0"), (TO, "0.0000001"), (TO, "NaN"), (TO, "<b>")]
)
def test_what_cannot_be_sent_is_told(chain: ChainServer, to: str, amount: str) -> None:
    base = f"http://127.0.0.1:{chain.server_port}"

    answer = httpx.post(f"{base}/send", data={"to": to, "amount": amount})

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "<b>" not in answer.text
    assert httpx.get(f"{base}/elsewhere").status_code == 404

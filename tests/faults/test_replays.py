"""The same report again and again: it is one report."""

import json
from concurrent.futures import ThreadPoolExecutor

import psycopg
from websockets.sync.client import ClientConnection, connect

from agent import protocol
from agent.protocol import Kind
from tests.billing import exchange
from tests.faults.books import Books
from tests.faults.buyers import Crowd
from tests.faults.plant import Plant, wait_until
from tests.workers.relay.exchange import make_hello

REPEATS = 10
RECEIPT = """
    SELECT r.body, r.signature, t.public_key FROM attempt a JOIN receipt r ON r.attempt_uid = a.uid
      JOIN node n ON n.id = r.node_id JOIN accounts_agenttoken t ON t.id = n.agent_token_id WHERE a.id = %s
"""


def test_usage_recorded_ten_times_at_once_is_billed_once(plant: Plant, books: Books, crowd: Crowd) -> None:
    [stream] = crowd.ask(tokens=400)
    crowd.wait_begun([stream])
    books.wait_checkpointed([stream])
    attempt = books.read_bills()[stream.job].attempt_id

    def record(number: int) -> exchange.Row:
        with psycopg.connect(plant.cluster.url(), autocommit=True) as connection:
            return exchange.record(connection, attempt, out=1 + number % 2, state="FAILED")

    with ThreadPoolExecutor(REPEATS) as pool:
        rows = list(pool.map(record, range(REPEATS)))

    # The gateway finds its lease gone and stops.
    crowd.wait_ended([stream])
    assert sorted(row["verdict"] for row in rows) == ["already"] * (REPEATS - 1) + ["ok"]
    assert len({(row["usage_id"], row["amount"], row["billed_out"]) for row in rows}) == 1
    books.wait_settled()
    again = record(1)
    assert (again["verdict"], again["amount"]) == ("already", rows[0]["amount"])
    assert books.read_value("SELECT count(*) FROM usage_record WHERE attempt_id = %s", attempt) == 1
    assert stream.said_in_band
    assert stream.code == "lease_lost"
    books.verify()


def test_a_receipt_sent_ten_times_is_kept_once_and_bills_nothing(
    plant: Plant, books: Books, crowd: Crowd
) -> None:
    answer = crowd.wait_served()
    attempt = books.read_bills()[answer.job].attempt_id
    wait_until(lambda: books.read(RECEIPT, attempt), what="the receipt has arrived")
    [receipt] = books.read(RECEIPT, attempt)
    plant.kill("agent-cheap")
    frame = protocol.encode_control(
        Kind.RECEIPT, {"body": bytes(receipt["body"]), "signature": bytes(receipt["signature"])}
    )

    url = plant.url("relay").replace("http", "ws") + "/agent"
    token = {"authorization": f"Bearer {plant.cast.agent_tokens['cheap']}"}
    with connect(url, additional_headers=token, compression=None, proxy=None) as played:
        hello = make_hello(public_key=bytes(receipt["public_key"]))
        played.send(protocol.encode_control(Kind.HELLO, hello))
        assert read_until(played, Kind.WELCOME)
        uid = str(json.loads(bytes(receipt["body"]).partition(b"\n")[2])["attempt_uid"])
        for _ in range(REPEATS):
            played.send(frame)
            # Acknowledged each time, so that an agent that missed it may forget the receipt.
            assert read_until(played, Kind.RECEIPT_ACK)["stored"] == [uid]

    assert len(books.read(RECEIPT, attempt)) == 1
    books.check(crowd.answers)


def read_until(played: ClientConnection, kind: Kind) -> dict[str, list[str]]:
    """The next control frame of a kind."""
    while True:
        message = played.recv(20)
        assert isinstance(message, bytes)
        frame = protocol.decode(message)
        if frame.kind is kind:
            content: dict[str, list[str]] = protocol.decode_control(frame.payload)
            return content

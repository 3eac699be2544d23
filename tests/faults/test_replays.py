"""The same report again and again: it is one report."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from websockets.sync.client import ClientConnection, connect

from agent import protocol
from agent.protocol import Kind
from config.embedded.postgres import SUPERUSER
from tests.billing import exchange
from tests.faults.books import Books
from tests.faults.buyers import Crowd
from tests.faults.plant import Plant, wait_until
from tests.workers.relay.exchange import make_hello

REPEATS = 10
KEPT = """
    SELECT r.body, r.signature, t.public_key FROM attempt a JOIN receipt r ON r.attempt_uid = a.uid
      JOIN node n ON n.id = r.node_id JOIN accounts_agenttoken t ON t.id = n.agent_token_id
     WHERE a.id = ANY (%s) ORDER BY a.id
"""
FORGET = """
    WITH gone AS (DELETE FROM receipt r USING attempt a WHERE a.uid = r.attempt_uid AND a.id = ANY (%s)
                  RETURNING r.id)
    DELETE FROM receipt_comparison WHERE receipt_id IN (SELECT id FROM gone)
"""
MONEY = """
    SELECT (SELECT array_agg((u.id, u.billed_in, u.billed_out, u.joules, u.recorded_at)::text ORDER BY u.id)
              FROM usage_record u) AS usage,
           (SELECT array_agg((c.usage_id, c.amount, c.fee)::text ORDER BY c.usage_id)
              FROM charge c) AS charges,
           (SELECT count(*) FROM posting) AS postings,
           (SELECT array_agg((s.id, s.posted, s.held)::text ORDER BY s.id) FROM scope s) AS scopes
"""
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


def test_reports_late_repeated_mixed_up_and_spoiled_change_no_bill(
    plant: Plant, books: Books, crowd: Crowd, chance: random.Random
) -> None:
    streams = crowd.ask(6, tokens=12)
    crowd.wait_ended(streams)
    books.check(crowd.answers)
    attempts = [bill.attempt_id for bill in books.read_bills().values()]
    wait_until(lambda: len(books.read(KEPT, attempts)) == len(attempts), what="the receipts have arrived")
    receipts = books.read(KEPT, attempts)
    before = books.read(MONEY)
    plant.kill("agent-cheap")

    # As if the exchange had never had some of them: these come after the money has moved.
    late = chance.sample(attempts, 3)
    with psycopg.connect(plant.cluster.url(SUPERUSER), autocommit=True) as root:
        # Nobody else may forget a receipt.
        root.execute("SET session_replication_role = replica")
        root.execute(FORGET, [late])
    for _ in range(4):
        replay(plant, receipts, chance)

    plant.start("agent-cheap")
    plant.wait_connected()
    assert books.read(KEPT, attempts) == receipts
    assert books.read(MONEY) == before
    # Who sent all this may go on.
    after = crowd.wait_served()
    assert after.whole
    books.check(crowd.answers)


def replay(plant: Plant, receipts: list[dict[str, Any]], chance: random.Random) -> None:
    """Be the cheap seller's agent for once: send each receipt now and then, true or spoiled, in any order."""
    url = plant.url("relay").replace("http", "ws") + "/agent"
    token = {"authorization": f"Bearer {plant.cast.agent_tokens['cheap']}"}
    with connect(url, additional_headers=token, compression=None, proxy=None) as played:
        hello = make_hello(public_key=bytes(receipts[0]["public_key"]))
        played.send(protocol.encode_control(Kind.HELLO, hello))
        assert read_until(played, Kind.WELCOME)
        unseen = {name_attempt(receipt) for receipt in receipts}
        for receipt in chance.sample(receipts * 3, 3 * len(receipts)):
            body, signature = bytearray(receipt["body"]), bytearray(receipt["signature"])
            if chance.random() < 0.5:
                part = chance.choice((body, signature))
                part[chance.randrange(len(part))] ^= 1 << chance.randrange(8)
                send_receipt(played, body, signature)
            else:
                send_receipt(played, body, signature)
                unseen.discard(name_attempt(receipt))
        for receipt in receipts:
            if name_attempt(receipt) in unseen:
                send_receipt(played, receipt["body"], receipt["signature"])
        wanted = {name_attempt(receipt) for receipt in receipts}
        while wanted:
            wanted -= set(read_until(played, Kind.RECEIPT_ACK)["stored"])


def name_attempt(receipt: dict[str, Any]) -> str:
    """Which attempt a receipt is of."""
    return str(json.loads(bytes(receipt["body"]).partition(b"\n")[2])["attempt_uid"])


def send_receipt(played: ClientConnection, body: bytes | bytearray, signature: bytes | bytearray) -> None:
    """Hand one in."""
    content = {"body": bytes(body), "signature": bytes(signature)}
    played.send(protocol.encode_control(Kind.RECEIPT, content))


def read_until(played: ClientConnection, kind: Kind) -> dict[str, list[str]]:
    """The next control frame of a kind."""
    while True:
        message = played.recv(20)
        assert isinstance(message, bytes)
        frame = protocol.decode(message)
        if frame.kind is kind:
            content: dict[str, list[str]] = protocol.decode_control(frame.payload)
            return content

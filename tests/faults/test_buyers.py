"""Buyers hang up, at any moment."""

import json
import socket

import httpx
import pytest

from tests.faults.books import Books
from tests.faults.buyers import QUESTION, Answer, Crowd, list_broken
from tests.faults.plant import TOKENS_PER_SECOND, Plant, wait_until
from tests.faults.seed import MODEL, SELLERS


def assert_everything_stops(plant: Plant) -> None:
    """The model servers stop, and the relay gives every slot back."""
    wait_until(
        lambda: [plant.count(seller)["running"] for seller in SELLERS] == [0, 0],
        what="the model servers have stopped",
    )
    ready = plant.url("relay") + "/readyz"
    wait_until(
        lambda: httpx.get(ready, trust_env=False).json()["running"] == 0, what="every slot is free again"
    )


def stream_and_leave(url: str, key: str, *, after: int) -> Answer:
    """Say that no more will be sent, as a closing client does, and read on: that is all that came."""
    body = {"model": MODEL, "messages": QUESTION, "max_tokens": 400, "stream": True}
    content = json.dumps(body).encode()
    host, port = url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    received, leaving = b"", False
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode() + content)
        while piece := connection.recv(65536):
            received += piece
            if not leaving and count_deltas(received) >= after:
                connection.shutdown(socket.SHUT_WR)
                leaving = True
    fields = dict(line.split(b": ", 1) for line in received.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:])
    return Answer(job=fields[b"x-jouleport-job"].decode(), deltas=count_deltas(received))


def count_deltas(received: bytes) -> int:
    """Chunks with content among what was received so far."""
    events = [
        line[6:] for line in received.split(b"\n") if line.startswith(b"data: {") and line.endswith(b"}")
    ]
    return sum(bool(json.loads(event)["choices"][0]["delta"].get("content")) for event in events)


@pytest.mark.parametrize("after", [1, 2, 7])
def test_a_buyer_who_leaves_pays_for_no_more_than_was_delivered(
    plant: Plant, books: Books, after: int
) -> None:
    answers = [stream_and_leave(plant.url(), plant.cast.buyer.key, after=after) for _ in range(3)]

    books.check(answers)
    bills = books.read_bills()
    for answer in answers:
        bill = bills[answer.job]
        assert (bill.state, bill.ended_how) == ("CANCELLED", "buyer_gone")
        assert after - 1 <= (bill.billed_out or 0) <= answer.deltas
    assert_everything_stops(plant)


def test_buyers_who_leave_the_sdk_stop_the_upstream_and_free_their_slots(
    plant: Plant, books: Books, crowd: Crowd
) -> None:
    plant.order("cheap", "stall_body+seconds=60", times=2)
    before = {seller: plant.count(seller) for seller in SELLERS}
    silent = crowd.ask(2, tokens=400)
    wait_until(lambda: plant.count("cheap")["running"] == 2, what="two requests wait for their first token")
    leaving = [crowd.ask(tokens=400, leave_after=after)[0] for after in (1, 2, 3, 5, 8, 13, 21, 34)]
    staying = crowd.ask(4, tokens=60)

    for answer in silent:
        crowd.leave(answer)

    crowd.wait_ended([*silent, *leaving, *staying])
    assert_everything_stops(plant)
    assert list_broken(staying) == []
    books.check(crowd.answers)
    bills = books.read_bills()
    for answer in leaving:
        bill = bills[answer.job]
        assert (bill.state, bill.ended_how) == ("CANCELLED", "buyer_gone")
        assert answer.deltas - 1 <= (bill.billed_out or 0) <= answer.deltas + TOKENS_PER_SECOND
    known = {answer.job for answer in crowd.answers}
    unseen = [bill for job, bill in bills.items() if job not in known]
    assert [(bill.state, bill.error_code, bill.amount) for bill in unseen] == [
        ("CANCELLED", "buyer_gone", None)
    ] * 2
    cancelled = sum(plant.count(seller)["cancelled"] - before[seller]["cancelled"] for seller in SELLERS)
    assert cancelled == len(leaving) + len(silent)

"""Answers of a node that cannot be read, and refusals that can."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from core import ids
from gateway import completions, doors
from gateway.attempts import Attempt, AttemptFailed
from workers import metering
from workers.upstream import framing, targets

METER = b'{"chip_seconds":"1","joules":"1","tier":"declared","attribution":"estimated","complete":true}'


class Answer:
    """A node's answer behind a relay, all there."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.headers = {framing.HEADER: b"1"}
        self._body = body + framing.SEPARATOR + METER

    async def read(self, *, limit: int) -> bytes:
        assert len(self._body) <= limit
        return self._body


async def test_the_model_servers_own_words_of_refusal_come_through_a_relay() -> None:
    async def post(**_: Any) -> Answer:
        return Answer(400, b'{"error":{"message":"no tools here"}}')

    listing: Any = SimpleNamespace(card_uid=ids.make_uid(), node_uid=str(ids.make_uid()), node_id=7)
    client: Any = SimpleNamespace(post=post)
    guard: Any = None  # asked for addresses of a provider's own only
    uid = ids.make_uid()
    attempt = Attempt(attempt_id=1, uid=uid, receipt_uid=uid, listing=listing, number=1, running=Counter())

    with pytest.raises(AttemptFailed) as failed:
        await attempt.call(
            client,
            guard,
            targets.aim_at_relay("http://relay", listing.node_uid),
            path="/v1/chat/completions",
            secret=b"s" * 16,
            body=b"{}",
            request_id="r",
        )

    assert failed.value.error.message == "no tools here"
    assert failed.value.final


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices":[{"message":{"content":"\xff"}}]}',
        b'{"choices":[{"message":{"content":"a"}}],"x":"\xff"}',
        b'{"choices":[{"message":{"content":"a"}}],"\xff":1}',
    ],
)
async def test_bytes_that_are_no_text_are_garbage(body: bytes) -> None:
    runtime: Any = SimpleNamespace(settings=SimpleNamespace(answer_bytes_max=1000))
    attempt: Any = SimpleNamespace(stop_reason="")
    answer: Any = Answer(200, body)

    with pytest.raises(AttemptFailed, match="upstream_garbage"):
        await completions.complete(
            runtime, attempt, attempt, answer, door=doors.BY_ENDPOINT["chat"], with_metadata=False
        )


def test_usage_that_is_no_text_is_no_claim() -> None:
    assert metering.read_claim(b'{"completion_tokens":3,"x":"\xff"}') == metering.NO_CLAIM

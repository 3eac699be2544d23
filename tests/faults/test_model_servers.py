"""Model servers that are busy, or call tools that are none: asked no more than needed, billed as counted."""

import time

import openai

from tests.faults.books import Books
from tests.faults.buyers import QUESTION, Crowd
from tests.faults.plant import Plant
from tests.faults.seed import MODEL, SELLERS

RETRY_AFTER = 2
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


def count_requests(plant: Plant) -> dict[str, int]:
    """How often each model server was asked."""
    return {seller: plant.count(seller)["requests"] for seller in SELLERS}


def test_busy_model_servers_are_asked_once_each_and_their_retry_after_is_passed_on(
    plant: Plant, books: Books, crowd: Crowd
) -> None:
    for seller in SELLERS:
        plant.order(seller, "busy", times=4)
    before = count_requests(plant)

    answers = [crowd.ask_plainly() for _ in range(4)]

    for answer in answers:
        assert isinstance(answer.error, openai.RateLimitError)
        assert answer.error.response.headers["retry-after"] == str(RETRY_AFTER)
        assert answer.error.response.headers["x-should-retry"] == "true"
    assert count_requests(plant) == {seller: before[seller] + 4 for seller in SELLERS}
    books.check(crowd.answers)
    assert {bill.amount for bill in books.read_bills().values()} == {None}


def test_the_sdk_waits_as_long_as_busy_model_servers_say(plant: Plant, books: Books) -> None:
    for seller in SELLERS:
        plant.order(seller, "busy")
    before = count_requests(plant)
    began = time.monotonic()

    url, key = plant.url() + "/v1", plant.cast.buyer.key
    with openai.OpenAI(base_url=url, api_key=key, max_retries=1, timeout=30) as client:
        answer = client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=2)

    assert answer.choices[0].message.content
    assert time.monotonic() - began >= RETRY_AFTER
    asked = sum(count_requests(plant).values()) - sum(before.values())
    assert asked == len(SELLERS) + 1
    books.wait_settled()
    books.verify()


def test_a_tool_call_that_is_none_is_passed_on_and_billed_as_counted(
    plant: Plant, books: Books, crowd: Crowd
) -> None:
    for _ in range(2):
        plant.order("cheap", "bad_call")
        [stream] = crowd.ask(tokens=60, tools=TOOLS)
        crowd.wait_ended([stream])
        assert (stream.finish, stream.error) == ("tool_calls", None)
        assert stream.usage is not None
        bill = books.read_bills()[stream.job]
        assert bill.billed_out == stream.usage.completion_tokens
        assert 0 < (bill.amount or 0) <= bill.held
    books.wait_settled()
    books.verify()

"""PostgreSQL dies in the middle and comes back."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import openai

from tests.faults.books import Books
from tests.faults.buyers import Answer, Crowd, list_broken
from tests.faults.plant import Plant

# A stream waits two seconds for its record; the rest is a busy machine.
RECORD_SECONDS_MAX = 4.0
ASKERS = 6
PAUSE_SECONDS_MAX = 0.4


def assert_unavailable(answer: Answer) -> None:
    """It was refused as something that passes, in OpenAI's shape."""
    error = answer.error
    assert isinstance(error, openai.APIStatusError), error
    assert (error.status_code, error.response.headers["x-should-retry"]) == (503, "true")
    assert isinstance(error.body, dict)
    assert {"message", "type", "param", "code"} <= error.body.keys()


def test_streams_wait_two_seconds_for_their_record_while_postgresql_is_away(
    plant: Plant, books: Books, crowd: Crowd
) -> None:
    # These end while it is away; those go on until it is back.
    short = crowd.ask(8, tokens=40)
    long = crowd.ask(8, tokens=240)
    crowd.wait_begun([*short, *long], deltas=5)
    books.wait_checkpointed([*short, *long])

    plant.kill("postgres")

    known = [crowd.ask_plainly() for _ in range(2)]
    with Crowd(plant.url(), "jp_live_" + "0" * 36) as strangers:
        unknown = strangers.ask_plainly()
    crowd.wait_ended(short)
    plant.start("postgres")
    crowd.wait_ended(long)

    for answer in known:
        assert_unavailable(answer)
    assert isinstance(unknown.error, openai.APIStatusError)
    assert unknown.error.status_code in (401, 503)
    for answer in short:
        assert answer.whole or (answer.said_in_band and answer.code == "not_recorded"), answer
        assert answer.ended_at - answer.last_at < RECORD_SECONDS_MAX
    assert any(answer.code == "not_recorded" for answer in short)
    for answer in long:
        assert answer.whole or (answer.said_in_band and answer.code in ("lease_lost", "not_recorded")), answer
    # Nothing is started again but PostgreSQL itself.
    crowd.wait_served()
    books.check(crowd.answers)


def test_an_immediate_restart_of_postgresql_is_hardly_noticed(
    plant: Plant, books: Books, crowd: Crowd, moment: int
) -> None:
    streams = crowd.ask(16, tokens=100)
    crowd.wait_begun(streams, deltas=moment)

    plant.kill("postgres")
    plant.start("postgres")

    crowd.wait_ended(streams)
    assert list_broken(streams) == []
    # None of these meets a connection that died while nobody used it.
    plant.kill("postgres")
    plant.start("postgres")
    crowd.wait_served()
    crowd.wait_ended(again := crowd.ask(16, tokens=5))
    assert list_broken(again) == []
    books.check(crowd.answers)


def test_no_answer_is_for_a_write_that_is_gone(
    plant: Plant, books: Books, crowd: Crowd, chance: random.Random
) -> None:
    with ThreadPoolExecutor(ASKERS) as pool:
        asking = True

        def ask() -> list[Answer]:
            answers = []
            while asking:
                answers.append(crowd.ask_plainly())
            return answers

        asked = [pool.submit(ask) for _ in range(ASKERS)]
        for _ in range(4):
            time.sleep(chance.uniform(0, PAUSE_SECONDS_MAX))
            plant.kill("postgres")
            plant.start("postgres")
        asking = False
    answers = [answer for each in asked for answer in each.result()]

    whole = [answer for answer in answers if answer.whole]
    assert whole
    for answer in answers:
        if not answer.whole:
            assert_passing(answer)
    crowd.wait_served()
    books.check(crowd.answers, lost=sum(answer.code == "not_recorded" for answer in answers))
    bills = books.read_bills()
    assert {bills[answer.job].state for answer in whole} == {"SUCCEEDED"}
    assert all(answer.cost for answer in whole)


def assert_passing(answer: Answer) -> None:
    """It was refused as something that passes, unless it may have been charged."""
    error = answer.error
    assert isinstance(error, openai.APIStatusError), error
    retry = error.response.headers["x-should-retry"]
    assert (error.status_code, retry) == (503, "true") or (error.code, retry) == ("not_recorded", "false"), (
        error
    )

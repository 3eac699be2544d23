"""The line between an agent and its relay goes dead, and neither end is told."""

from collections.abc import Iterator

import pytest

from tests.faults.books import Books
from tests.faults.buyers import Crowd, is_serving, list_broken
from tests.faults.cable import Cable
from tests.faults.plant import Plant, wait_until
from tests.faults.test_relay import RECEIPTS

# Three heartbeats of silence, and the rest is a busy machine.
SILENCE_SECONDS_MAX = 30.0


@pytest.fixture
def cable(plant: Plant) -> Iterator[Cable]:
    """What leads from the cheap seller's agent to the relay, of which the gateway knows."""
    with Cable(plant.ports["relay"]) as cable:
        plant.add_agent("cheap", market=cable.url)
        plant.restart("agent-cheap")
        plant.wait_connected()
        url, key = plant.url(), plant.cast.buyer.key
        wait_until(lambda: is_serving(url, key), what="the gateway knows both sellers")
        yield cable
        plant.add_agent("cheap")
        plant.restart("agent-cheap")
        plant.wait_connected()


def test_requests_of_an_agent_behind_a_dead_line_move_on_or_end_in_words(
    plant: Plant, cable: Cable, books: Books, crowd: Crowd, moment: int
) -> None:
    plant.order("cheap", "stall_body+seconds=60", times=3)
    silent = crowd.ask(3, tokens=10)
    wait_until(lambda: plant.count("cheap")["running"] == 3, what="three requests wait for their first token")
    streams = crowd.ask(6, tokens=1000)
    crowd.wait_begun(streams, deltas=moment)

    cable.cut()

    crowd.wait_ended([*streams, *silent], seconds=SILENCE_SECONDS_MAX)
    assert {(answer.said_in_band, answer.code) for answer in streams} == {(True, "upstream_broken")}
    assert list_broken(silent) == []
    cable.mend()
    plant.wait_connected()
    # The agent has stopped what nobody reads, and hands in its receipts.
    wait_until(lambda: plant.count("cheap")["running"] == 0, what="the model server has stopped")
    books.check(crowd.answers)
    bills = books.read_bills()
    assert [bills[answer.job].billed_out for answer in streams] == [answer.deltas for answer in streams]
    assert {(bills[answer.job].node_id, bills[answer.job].attempts) for answer in silent} == {
        (plant.cast.node_ids["dear"], 2)
    }
    attempts = [bills[answer.job].attempt_id for answer in streams]
    wait_until(
        lambda: books.read_value(RECEIPTS, attempts) == len(attempts), what="every receipt has arrived"
    )

"""Hosts whose clock is ten minutes wrong: money knows PostgreSQL's clock only."""

from collections.abc import Iterator

import openai
import pytest

from tests.faults.books import Books
from tests.faults.buyers import Crowd, is_serving, list_broken
from tests.faults.plant import Plant, wait_until
from tests.faults.test_relay import RECEIPTS

WRONG_SECONDS = 600.0
# Every time that money or a lease depends on, as seconds from now.
TIMES = """
    SELECT extract(epoch FROM least(j.submitted_at, a.started_at, u.recorded_at, c.rated_at, h.opened_at)
                            - now()) AS first,
           extract(epoch FROM greatest(j.finished_at, a.ended_at, a.renewed_at, u.recorded_at, c.rated_at)
                            - now()) AS last
      FROM job j JOIN attempt a ON a.job_id = j.id JOIN hold h ON h.id = j.hold_id
      LEFT JOIN usage_record u ON u.attempt_id = a.id LEFT JOIN charge c ON c.usage_id = u.id
     WHERE j.uid::text = ANY (%s)
"""


@pytest.fixture
def repaired(plant: Plant) -> Iterator[None]:
    """Clocks are right again afterwards."""
    yield
    for name in ("gateway", "agent-cheap"):
        plant.restart(name)
    plant.wait_connected()


def serve(plant: Plant, crowd: Crowd) -> None:
    """Have some served, one until its lease is renewed: all are billed, and every time written is right."""
    url, key = plant.url(), plant.cast.buyer.key
    wait_until(lambda: is_serving(url, key), what="the gateway knows both sellers")
    Books(plant, plant.cast.buyer).wait_settled()
    books = Books(plant, plant.cast.buyer)
    answers = [*crowd.ask(4, tokens=20), *crowd.ask(1, tokens=90)]
    crowd.wait_ended(answers)
    assert list_broken(answers) == []
    books.check(answers)
    rows = books.read(TIMES, [answer.job for answer in answers])
    assert len(rows) == len(answers)
    assert all(-120 < row["first"] <= row["last"] <= 0 for row in rows), rows
    bills = books.read_bills()
    assert bills[answers[-1].job].checkpoint > 0
    assert {bills[answer.job].node_id for answer in answers} == {plant.cast.node_ids["cheap"]}
    attempts = [bills[answer.job].attempt_id for answer in answers]
    wait_until(
        lambda: books.read_value(RECEIPTS, attempts) == len(attempts), what="every receipt has arrived"
    )


@pytest.mark.usefixtures("repaired")
def test_a_fast_gateway_and_a_slow_agent_serve_and_write_no_wrong_time(plant: Plant, crowd: Crowd) -> None:
    plant.restart("gateway", clock=WRONG_SECONDS)
    plant.restart("agent-cheap", clock=-WRONG_SECONDS)
    plant.wait_connected()

    serve(plant, crowd)


@pytest.mark.usefixtures("repaired")
def test_a_slow_gateway_starts_nothing_and_a_fast_agent_serves(
    plant: Plant, books: Books, crowd: Crowd
) -> None:
    plant.restart("gateway", clock=-WRONG_SECONDS)
    plant.restart("agent-cheap", clock=WRONG_SECONDS)
    plant.wait_connected()

    # Prices are not in force yet by its clock, or relays find that its tickets have run out.
    for _ in range(3):
        refused = crowd.ask_plainly().error
        assert isinstance(refused, openai.InternalServerError)
        assert refused.response.headers["x-should-retry"] == "true"
    books.check(crowd.answers)
    assert {bill.amount for bill in books.read_bills().values()} <= {None}

    plant.restart("gateway")
    serve(plant, crowd)

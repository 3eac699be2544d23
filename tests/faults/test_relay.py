"""The relay dies while answers pass through it."""

from tests.faults.books import Books
from tests.faults.buyers import Crowd
from tests.faults.plant import Plant, wait_until

RECEIPTS = """
    SELECT count(*) FROM attempt a JOIN receipt r ON r.attempt_uid = a.uid WHERE a.id = ANY (%s)
"""


def test_streams_of_a_killed_relay_end_with_an_error_and_cost_what_was_delivered(
    plant: Plant, books: Books, crowd: Crowd, moment: int
) -> None:
    plant.order("cheap", "stall_body+seconds=60", times=3)
    silent = crowd.ask(3, tokens=400)
    wait_until(lambda: plant.count("cheap")["running"] == 3, what="three requests wait for their first token")
    streams = crowd.ask(14, tokens=400)
    crowd.wait_begun(streams, deltas=moment)

    plant.kill("relay")

    crowd.wait_ended([*streams, *silent])
    assert {(answer.said_in_band, answer.code) for answer in streams} == {(True, "upstream_broken")}
    assert {answer.code for answer in silent} <= {"upstream_broken", "node_gone"}
    plant.start("relay")
    # Nobody tells the agents; they find it.
    plant.wait_connected()
    crowd.wait_served()
    books.check(crowd.answers)
    bills = books.read_bills()
    assert [bills[answer.job].billed_out for answer in streams] == [answer.deltas for answer in streams]
    # Agents kept the receipts that the dead relay could not take, and hand them in now.
    attempts = [bills[answer.job].attempt_id for answer in streams]
    wait_until(
        lambda: books.read_value(RECEIPTS, attempts) == len(attempts), what="every receipt has arrived"
    )

"""An agent dies while it serves."""

from tests.faults.books import Books
from tests.faults.buyers import Crowd, list_broken
from tests.faults.plant import Plant, wait_until


def test_requests_of_a_killed_agent_move_on_before_their_first_byte_and_end_after_it(
    plant: Plant, books: Books, crowd: Crowd, moment: int
) -> None:
    plant.order("cheap", "stall_body+seconds=60", times=4)
    silent = crowd.ask(4, tokens=10)
    wait_until(lambda: plant.count("cheap")["running"] == 4, what="four requests wait for their first token")
    streams = crowd.ask(8, tokens=400)
    crowd.wait_begun(streams, deltas=moment)
    elsewhere = crowd.ask(4, tokens=60)
    crowd.wait_begun(elsewhere)

    plant.kill("agent-cheap")

    crowd.wait_ended([*streams, *silent, *elsewhere])
    assert {(answer.said_in_band, answer.code) for answer in streams} == {(True, "upstream_broken")}
    assert list_broken([*silent, *elsewhere]) == []
    after = crowd.wait_served()
    plant.start("agent-cheap")
    plant.wait_connected()
    books.check(crowd.answers)
    bills = books.read_bills()
    nodes = plant.cast.node_ids
    assert {bills[answer.job].node_id for answer in streams} == {nodes["cheap"]}
    assert {(bills[answer.job].node_id, bills[answer.job].attempts) for answer in silent} == {
        (nodes["dear"], 2)
    }
    assert bills[after.job].node_id == nodes["dear"]
    assert [bills[answer.job].billed_out for answer in streams] == [answer.deltas for answer in streams]

"""The gateway dies, or is told to end, while it streams."""

import signal

from tests.faults.books import Books
from tests.faults.buyers import Crowd, list_broken
from tests.faults.plant import Plant, wait_until

HASTY = "extra-hasty"


def test_streams_of_gateways_that_end_at_once_are_charged_from_their_checkpoints(
    plant: Plant, books: Books, crowd: Crowd
) -> None:
    plant.add_gateway(HASTY, drain_seconds=1)
    plant.start(HASTY)
    with Crowd(plant.url(HASTY), plant.cast.buyer.key) as others:
        others.wait_served()
        streams = [*crowd.ask(10, tokens=400), *others.ask(8, tokens=400)]
        crowd.wait_begun(streams)
        checkpoints = books.wait_checkpointed(streams, tokens=10)

        plant.kill("gateway")
        plant.terminate(HASTY)
        plant.start("gateway")

        crowd.wait_ended(streams)
        assert not any(answer.whole for answer in streams)
        # The new process knows nothing of the old one's work and serves at once.
        crowd.wait_served()
        wait_until(lambda: not plant.is_running(HASTY), what="the gateway told to end has ended")
        books.check([*crowd.answers, *others.answers])
    bills = books.read_bills()
    for answer in streams:
        assert checkpoints[answer.job] <= (bills[answer.job].billed_out or 0)
    assert {(bills[answer.job].count_method, bills[answer.job].ended_how) for answer in streams[:10]} == {
        ("checkpoint", "lease_expired")
    }


def test_a_gateway_told_to_end_lets_its_streams_finish(plant: Plant, books: Books, crowd: Crowd) -> None:
    streams = crowd.ask(16, tokens=50)
    crowd.wait_begun(streams)

    plant.terminate("gateway")

    wait_until(lambda: not plant.is_running("gateway"), what="the gateway has ended")
    crowd.wait_ended(streams)
    # uvicorn ends by the signal it was sent, once it is done.
    assert plant.running["gateway"].returncode in (0, -signal.SIGTERM)
    assert list_broken(streams) == []
    assert {answer.deltas for answer in streams} == {50}
    books.check(crowd.answers)

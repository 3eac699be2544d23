"""The gateway dies, freezes, or is told to end, while it streams."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.books import Books
from tests.faults.buyers import Crowd, list_broken
from tests.faults.plant import Plant, wait_until

HASTY, FROZEN = "extra-hasty", "extra-frozen"


@pytest.fixture
def crowds(plant: Plant, crowd: Crowd) -> Iterator[dict[str, Crowd]]:
    """Buyers at the gateway and at two more: one that drains for a second only, and one that will freeze."""
    plant.add_gateway(HASTY, drain_seconds=1)
    plant.add_gateway(FROZEN)
    plant.start(HASTY, FROZEN)
    with ExitStack() as stack:
        crowds = {"gateway": crowd}
        for name in (HASTY, FROZEN):
            crowds[name] = stack.enter_context(Crowd(plant.url(name), plant.cast.buyer.key))
            crowds[name].wait_served()
        yield crowds


def test_streams_whose_gateway_is_gone_are_charged_from_their_checkpoints(
    plant: Plant, books: Books, crowds: dict[str, Crowd]
) -> None:
    streams = {name: crowd.ask(7, tokens=1000) for name, crowd in crowds.items()}
    everybody = [answer for answers in streams.values() for answer in answers]
    for name, crowd in crowds.items():
        crowd.wait_begun(streams[name])
    checkpoints = books.wait_checkpointed(everybody, tokens=10)

    plant.kill("gateway")
    plant.send(HASTY, signal.SIGTERM)
    plant.send(FROZEN, signal.SIGSTOP)
    plant.start("gateway")

    # The new process knows nothing of the old one's work and serves at once.
    crowds["gateway"].wait_served()
    wait_until(lambda: not plant.is_running(HASTY), what="the gateway told to end has ended")
    books.wait_settled()
    settled = books.read_bills()
    # One that comes back too late has lost its leases: it stops, and changes nothing.
    plant.send(FROZEN, signal.SIGCONT)
    for name, crowd in crowds.items():
        crowd.wait_ended(streams[name])
    assert not any(answer.whole for answer in everybody)
    assert {(answer.said_in_band, answer.code) for answer in streams[FROZEN]} == {(True, "lease_lost")}
    crowds[FROZEN].wait_served()
    books.check([answer for crowd in crowds.values() for answer in crowd.answers])
    bills = books.read_bills()
    assert {job: bills[job] for job in settled} == settled
    for answer in everybody:
        assert checkpoints[answer.job] <= (bills[answer.job].billed_out or 0)
    for answer in [*streams["gateway"], *streams[FROZEN]]:
        bill = bills[answer.job]
        assert (bill.state, bill.count_method, bill.ended_how) == ("FAILED", "checkpoint", "lease_expired")


def test_a_gateway_told_to_end_lets_its_streams_finish(plant: Plant, books: Books, crowd: Crowd) -> None:
    streams = crowd.ask(16, tokens=50)
    crowd.wait_begun(streams)

    plant.send("gateway", signal.SIGTERM)

    wait_until(lambda: not plant.is_running("gateway"), what="the gateway has ended")
    crowd.wait_ended(streams)
    # uvicorn ends by the signal it was sent, once it is done.
    assert plant.running["gateway"].returncode in (0, -signal.SIGTERM)
    assert list_broken(streams) == []
    assert {answer.deltas for answer in streams} == {50}
    books.check(crowd.answers)

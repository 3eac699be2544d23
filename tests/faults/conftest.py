"""
One exchange for all tests that break something; each must leave it clean and gets it mended.

What is left to chance follows from FAULT_SEED and the test's name, so that the same seed breaks the same
thing at the same moment again; a failed test says which seed it had.
"""

import os
import random
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.faults.books import Books
from tests.faults.buyers import Crowd, is_serving
from tests.faults.plant import Plant, django_at, make_plant, wait_until

FOLDER = Path(__file__).parent
# How often each test is run: one that breaks something at a moment of chance says more the oftener it runs.
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
SEED = int(os.environ.get("FAULT_SEED", "1"))
MOMENT_DELTAS_MAX = 60


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run everything here as often as FAULT_ROUNDS says."""
    if ROUNDS > 1:
        metafunc.fixturenames.append("fault_round")
        metafunc.parametrize("fault_round", range(ROUNDS))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here are of one kind, and wait for things that take their time."""
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker(pytest.mark.fault)
            item.add_marker(pytest.mark.timeout(300))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the programs said if a test failed."""
    report = yield
    if report.failed and item.path.is_relative_to(FOLDER):
        report.sections.append(("chance", f"FAULT_SEED={SEED} breaks the same again"))
    yard = getattr(item, "funcargs", {}).get("yard")
    if report.failed and isinstance(yard, Yard):
        report.sections += yard.tell()
    return report


class Yard:
    """Keeps a plant from test to test, and throws one away that was not left clean."""

    def __init__(self) -> None:
        self._plant: Plant | None = None

    def take(self) -> Plant:
        """The plant, everything running."""
        if self._plant is None:
            self._plant = make_plant(Path(tempfile.mkdtemp(prefix="jouleport-fault-")))
            try:
                self._plant.open()
            except BaseException:
                self.throw_away()
                raise
        return self._plant

    def tell(self) -> Iterator[tuple[str, str]]:
        """The last words of every program."""
        if self._plant is not None:
            yield from self._plant.tell()

    def throw_away(self) -> None:
        """End it; the next test gets a new one."""
        if self._plant is not None:
            self._plant.close()
            self._plant = None


@pytest.fixture(scope="session")
def yard() -> Iterator[Yard]:
    """Where the plant stands."""
    yard = Yard()
    yield yard
    yard.throw_away()


@pytest.fixture
def plant(yard: Yard, request: pytest.FixtureRequest) -> Iterator[Plant]:
    """The exchange: PostgreSQL, Redis, relay, gateway, task worker, beat, and two sellers, all connected."""
    failed = request.session.testsfailed
    plant = yard.take()
    with django_at(plant.cluster):
        plant.mend()
        url, key = plant.url(), plant.cast.buyer.key
        wait_until(lambda: is_serving(url, key), what="the gateway knows both sellers")
        yield plant
    if request.session.testsfailed > failed:
        yard.throw_away()


@pytest.fixture
def books(plant: Plant) -> Books:
    """The exchange's books from here on."""
    Books(plant, plant.cast.buyer).wait_settled()
    return Books(plant, plant.cast.buyer)


@pytest.fixture
def crowd(plant: Plant) -> Iterator[Crowd]:
    """Buyers at the gateway."""
    with Crowd(plant.url(), plant.cast.buyer.key) as crowd:
        yield crowd


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """What is left to chance in this test and round."""
    return random.Random(f"{SEED} {request.node.nodeid}")


@pytest.fixture
def moment(chance: random.Random) -> int:
    """After how many deltas something breaks."""
    return chance.randint(1, MOMENT_DELTAS_MAX)

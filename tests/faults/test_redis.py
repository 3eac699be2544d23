"""Redis dies or forgets everything: it was advice."""

import redis

from tests.faults.books import Books
from tests.faults.buyers import Crowd, list_broken
from tests.faults.plant import Plant, wait_until
from tests.faults.seed import SELLERS, SLOTS
from tests.faults.watching import watched


def test_streams_go_on_and_nothing_is_oversold_without_redis(
    plant: Plant, books: Books, crowd: Crowd, moment: int
) -> None:
    with watched(lambda: [plant.count(seller)["running"] for seller in SELLERS]) as running:
        streams = crowd.ask(20, tokens=160)
        crowd.wait_begun(streams, deltas=moment)

        plant.kill("redis")
        during = crowd.ask_plainly()
        plant.start("redis")
        plant.wait_connected()
        with redis.Redis.from_url(plant.redis_server.url) as client:
            client.flushall()
            more = crowd.ask(2 * SLOTS, tokens=20)
            wait_until(lambda: client.keys("relay:*"), what="the relay has written itself again")

        crowd.wait_ended([*streams, *more])
    assert during.whole
    assert list_broken(streams) == []
    refused = [answer for answer in more if not answer.whole]
    assert len(refused) >= len(more) - (2 * SLOTS - len(streams))
    assert {answer.code for answer in refused} <= {"node_full", "capacity_exhausted"}
    assert max(map(max, running)) <= SLOTS
    crowd.wait_served()
    # The task worker has found Redis again, or nothing would be posted.
    books.check(crowd.answers)

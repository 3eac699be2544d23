"""
Calls that are made together: while one call is in flight, the next gathers what waits.

Alone, an item pays one round trip; under load the cost of a call is shared by up to 64. After a call that
many shared, the next one waits a moment for more: the moment is short beside the call, and every item that
joins saves PostgreSQL and us a call's fixed cost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from psycopg import DataError

from core.metrics import SIZES, Histogram

BATCH_MAX = 64
CROWDED = 4
GATHER_SECONDS_MAX = 0.006
FLOODED = 12
FLOODED_SECONDS_MAX = 0.012


class Coalescer[Item, Result]:
    """
    Gathers items and runs them in batches, one batch at a time.

    `run` takes up to 64 items and gives as many results, in order. `orphan` is told of every item whose
    waiter left although its batch went through, so that what was done for it can be undone. `sizes` counts
    how many shared a call.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], Awaitable[list[Result]]],
        *,
        orphan: Callable[[Item, Result], None] | None = None,
        sizes: Histogram | None = None,
    ) -> None:
        self.sizes = sizes or Histogram(SIZES)
        self._run = run
        self._orphan = orphan
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is in flight."""
        return self._task is None

    async def submit(self, item: Item, *, seconds: float) -> Result:
        """
        Have the item run with others and give its result, or raise what its batch raised.

        :raises TimeoutError: no result within `seconds`
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._task = loop.create_task(self._drain())
        timer = loop.call_later(seconds, _expire, future)
        try:
            return await future
        except asyncio.CancelledError:
            # The result may have come in the same moment; nobody will see it now.
            came = future.done() and not future.cancelled() and future.exception() is None
            if came and self._orphan is not None:
                self._orphan(item, future.result())
            raise
        finally:
            timer.cancel()

    async def _drain(self) -> None:
        waiting = self._waiting
        clock = asyncio.get_running_loop().time
        try:
            while waiting:
                batch = [waiting.popleft() for _ in range(min(len(waiting), BATCH_MAX))]
                # Who left before the call was made is not part of it.
                batch = [(item, future) for item, future in batch if not future.done()]
                if not batch:
                    continue
                self.sizes.add(len(batch))
                began = clock()
                await self._run_batch(batch)
                if len(batch) > CROWDED and len(waiting) < BATCH_MAX:
                    await asyncio.sleep(_choose_moment(len(batch), clock() - began))
        finally:
            self._task = None

    async def _run_batch(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._run([item for item, _ in batch])
        except DataError as error:
            # Nothing was done: PostgreSQL will not have one of the items. Only its waiter is to hear of it.
            if len(batch) > 1:
                for one in batch:
                    await self._run_batch([one])
            elif not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        except Exception as error:  # noqa: BLE001 - every waiter is told, and each decides for itself
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (item, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
            elif self._orphan is not None:
                self._orphan(item, result)


def _choose_moment(size: int, took: float) -> float:
    """Seconds to wait for more after a call that `size` items shared and that took so many seconds."""
    if size > FLOODED:
        return min(2 * took, FLOODED_SECONDS_MAX)
    return min(took, GATHER_SECONDS_MAX)


def _expire[Result](future: asyncio.Future[Result]) -> None:
    if not future.done():
        future.set_exception(TimeoutError("no answer in time"))

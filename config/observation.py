"""What Django's processes tell operators: the books, the tasks they ran, and where a trace went."""

import mmap
import time
from collections.abc import Iterable, Iterator
from typing import Any

from billiard import process as billiard_process
from celery import Celery, Task, signals
from prometheus_client.core import Metric

from config import env
from config.books import Books
from core import exposition, tracing
from core.metrics import REGISTRY, Counts, write_counter

# Children of one task worker; one that takes another's place goes on with its figures.
CHILDREN_MAX = 64
DONE, FAILED, SECONDS = range(3)
FIGURES = 3


def observe_web() -> None:
    """
    Tell the books, in a process that serves pages.

    :raises BadEnvironment: where to tell them makes no sense
    """
    if exposition.read_place() is not None:
        REGISTRY.register(Books(env.secret("DATABASE_URL")))
        exposition.serve()


class TaskBoard:
    """
    What the children of a task worker did, in memory that they share with it.

    Each child writes in a row of its own, so nobody needs a lock that a killed child could keep.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._places = {name: place for place, name in enumerate(sorted(names))}
        size = CHILDREN_MAX * len(self._places) * FIGURES
        self._figures = memoryview(mmap.mmap(-1, max(size, 1) * 8)).cast("d")

    def note(self, name: str, *, child: int, succeeded: bool, seconds: float) -> None:
        """Count one run of a task."""
        place = self._places.get(name)
        if place is not None:
            first = ((child % CHILDREN_MAX) * len(self._places) + place) * FIGURES
            self._figures[first + (DONE if succeeded else FAILED)] += 1
            self._figures[first + SECONDS] += seconds

    def sum(self, name: str) -> tuple[float, float, float]:
        """Runs that succeeded, runs that failed, and the seconds of all."""
        width = len(self._places) * FIGURES
        first = self._places[name] * FIGURES
        rows = range(first, width * CHILDREN_MAX, width)
        done, failed, seconds = (
            sum(self._figures[row + figure] for row in rows) for figure in range(FIGURES)
        )
        return done, failed, seconds

    def collect(self) -> Iterator[Metric]:
        """Tell all tasks, also those that never ran."""
        runs, seconds = Counts(), Counts()
        for name in self._places:
            done, failed, spent = self.sum(name)
            runs.add((name, "succeeded"), done)
            runs.add((name, "failed"), failed)
            seconds.add(name, spent)
        yield write_counter("jouleport_task_runs", "Runs of tasks.", ["task", "outcome"], runs)
        yield write_counter("jouleport_task_run_seconds", "Time spent in tasks.", ["task"], seconds)


class TaskObserver:
    """Follows the tasks of one worker: the parent tells, its children count and trace."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._board = TaskBoard([])
        self._running: dict[str, tuple[float, tracing.Span]] = {}

    def connect(self) -> None:
        """Hear what Celery says of workers and tasks."""
        for signal, heed in (
            (signals.worker_init, self._open),
            (signals.worker_process_init, self._begin_child),
            (signals.worker_process_shutdown, self._end_child),
            (signals.task_prerun, self._begin_task),
            (signals.task_postrun, self._end_task),
        ):
            signal.connect(heed, weak=False)

    def _open(self, **_: Any) -> None:
        self._app.loader.import_default_modules()
        self._board = TaskBoard(name for name in self._app.tasks if not name.startswith("celery."))
        if exposition.read_place() is not None:
            REGISTRY.register(self._board)
            REGISTRY.register(Books(env.secret("DATABASE_URL")))
            exposition.serve()

    def _begin_child(self, **_: Any) -> None:
        tracing.configure("tasks")

    def _end_child(self, **_: Any) -> None:
        tracing.close()

    def _begin_task(self, task_id: str, task: Task[..., Any], **_: Any) -> None:
        span = tracing.span(task.name, task=task_id)
        span.__enter__()
        self._running[task_id] = (time.monotonic(), span)

    def _end_task(self, task_id: str, task: Task[..., Any], state: str | None = None, **_: Any) -> None:
        began, span = self._running.pop(task_id, (time.monotonic(), tracing.NOTHING))
        succeeded = state == "SUCCESS"
        if not succeeded:
            span.fail(state or "UNKNOWN")
        span.__exit__(None, None, None)
        child = getattr(billiard_process.current_process(), "index", 0)
        self._board.note(task.name, child=child, succeeded=succeeded, seconds=time.monotonic() - began)

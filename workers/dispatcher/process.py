"""The dispatcher: claims queued jobs and has them run. Any number of dispatchers may work at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import redis.asyncio as redis
from prometheus_client.core import Metric

from core import tracing
from core.metrics import Counts, write_counter, write_gauge
from workers.blobs import BlobStore
from workers.dispatcher.database import AWAY, Database, Queued
from workers.dispatcher.errands import DRAINING, Errand, Means
from workers.dispatcher.leases import Leases
from workers.dispatcher.watching import Watch
from workers.upstream.client import Client
from workers.upstream.guard import Guard, Policy
from workers.upstream.targets import Directory

POLL_SECONDS = 1.0
BACKOFF_SECONDS_MIN, BACKOFF_SECONDS_MAX = 1.0, 15.0
WAITING_MAX = 5_000
STOP_SECONDS_MAX = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """What one dispatcher runs with. After SIGTERM running jobs may go on for `drain_seconds`."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    ticket_secret: bytes = field(repr=False)
    credential_keys: tuple[str, ...] = field(default=(), repr=False)
    upstreams: Policy = field(default_factory=Policy)
    concurrency: int = 64
    drain_seconds: float = 25.0


@dataclass(slots=True)
class _Pause:
    """How long a job that nobody can run now is left alone."""

    until: float
    seconds: float


class Dispatcher:
    """Runs deferred jobs until told to stop. Nothing in here matters once it is gone."""

    def __init__(self, settings: Settings, store: BlobStore) -> None:
        self._settings = settings
        self._store = store
        self._database = Database(settings.database_url)
        self._redis = redis.Redis.from_url(settings.redis_url, socket_timeout=2, socket_connect_timeout=2)
        directory = Directory(settings.credential_keys, policy=settings.upstreams)
        self._watch = Watch(self._database, self._redis, directory)
        self._leases = Leases(self._database)
        self._means: Means | None = None
        self._jobs: dict[int, asyncio.Task[None]] = {}
        self._pauses: dict[int, _Pause] = {}
        self._stopping = asyncio.Event()
        self._turns = Counts()

    def collect(self) -> Iterator[Metric]:
        """Tell Prometheus what runs here, and what became of what ran."""
        yield write_gauge("jouleport_dispatcher_jobs_running", "Jobs that run here.", len(self._jobs))
        yield write_gauge(
            "jouleport_dispatcher_concurrency", "Jobs that may run here at once.", self._settings.concurrency
        )
        yield write_gauge(
            "jouleport_dispatcher_jobs_paused",
            "Jobs that nobody could run, left alone for a moment.",
            len(self._pauses),
        )
        yield write_counter(
            "jouleport_dispatcher_turns",
            "Turns of jobs: settled, put off, left to their lease, or failed by a fault of ours.",
            ["outcome"],
            self._turns,
        )

    def stop(self) -> None:
        """Claim nothing more, and end when what runs has ended."""
        self._stopping.set()
        self._watch.jobs_changed.set()

    async def run(self) -> None:
        """Dispatch until `stop`."""
        await self._database.open()
        client, watch = Client(certificates=self._settings.upstreams.certificates), self._watch
        self._means = Means(
            database=self._database,
            watch=watch,
            leases=self._leases,
            client=client,
            guard=Guard(self._settings.upstreams),
            store=self._store,
            ticket_secret=self._settings.ticket_secret,
        )
        helpers = [
            asyncio.create_task(task)
            for task in (watch.watch_book(), watch.watch_presence(), watch.listen(), self._leases.run())
        ]
        try:
            while not self._stopping.is_set():
                await self._claim()
                try:
                    async with asyncio.timeout(POLL_SECONDS):
                        await watch.jobs_changed.wait()
                    watch.jobs_changed.clear()
                except TimeoutError:
                    continue
            await self._drain()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await client.close()
            await self._database.close()
            await self._redis.aclose()

    async def _drain(self) -> None:
        logger.info("Draining %d jobs", len(self._jobs))
        if self._jobs:
            await asyncio.wait(self._jobs.values(), timeout=self._settings.drain_seconds)
        # What is left goes back to the queue for somebody else; nothing of it was delivered.
        self._leases.stop_all(DRAINING)
        if self._jobs:
            await asyncio.wait(self._jobs.values(), timeout=STOP_SECONDS_MAX)

    async def _claim(self) -> None:
        now = time.monotonic()
        # A pause that ended a while ago is of a job that has ended too.
        self._pauses = {
            job_id: pause
            for job_id, pause in self._pauses.items()
            if pause.until > now - 2 * BACKOFF_SECONDS_MAX
        }
        paused = [job_id for job_id, pause in self._pauses.items() if pause.until > now]
        free = self._settings.concurrency - len(self._jobs)
        if free <= 0 or len(paused) >= WAITING_MAX:
            return
        try:
            queued = await self._database.list_queued(without=[*self._jobs, *paused], limit=free)
        except AWAY as error:
            logger.warning("Unable to look for jobs: %s", type(error).__name__)
            return
        for job in queued:
            task = asyncio.create_task(self._run_safely(job))
            self._jobs[job.job_id] = task

    async def _run_safely(self, job: Queued) -> None:
        assert self._means is not None  # noqa: S101 - set before anything is claimed
        try:
            with tracing.span("dispatch", job=job.uid):
                settled = await Errand(self._means, job).run()
            self._turns.add("settled" if settled else "put_off")
            if settled:
                self._pauses.pop(job.job_id, None)
            else:
                self._pause(job.job_id)
        except AWAY as error:
            self._turns.add("left")
            logger.warning("Job %s is left to its lease: %s", job.uid, type(error).__name__)
            self._pause(job.job_id)
        except Exception:
            # One job must not stop the others; its lease runs out, and the sweeper puts it back.
            self._turns.add("failed")
            logger.exception("Unable to run job %s", job.uid)
            self._pause(job.job_id)
        finally:
            del self._jobs[job.job_id]
            # A place is free.
            self._watch.jobs_changed.set()

    def _pause(self, job_id: int) -> None:
        before = self._pauses.get(job_id)
        seconds = min(before.seconds * 2, BACKOFF_SECONDS_MAX) if before else BACKOFF_SECONDS_MIN
        self._pauses[job_id] = _Pause(time.monotonic() + seconds, seconds)

"""`manage.py run_dispatcher`: run deferred jobs until SIGTERM."""

import asyncio
import signal
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from psycopg.conninfo import make_conninfo

from core import exposition, tracing
from core.metrics import REGISTRY
from workers import blobs
from workers.dispatcher.process import Dispatcher, Settings

CONCURRENCY = 64
DRAIN_SECONDS = 25.0


class Command(BaseCommand):
    """Any number of dispatchers may run: each job is claimed by one of them."""

    help = "Run deferred jobs (POST /api/jobs) until told to stop."

    def add_arguments(self, parser: CommandParser) -> None:
        """Limits of this process."""
        parser.add_argument("--concurrency", type=int, default=CONCURRENCY, help="jobs that run at once")
        parser.add_argument("--drain-seconds", type=float, default=DRAIN_SECONDS, help="after SIGTERM")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run."""
        wanted = Settings(
            database_url=_write_conninfo(),
            redis_url=settings.REDIS_URL,
            ticket_secret=settings.TICKET_SECRET.encode(),
            credential_keys=settings.CREDENTIAL_KEYS,
            concurrency=options["concurrency"],
            drain_seconds=options["drain_seconds"],
        )
        dispatcher = Dispatcher(wanted, blobs.open_store())
        REGISTRY.register(dispatcher)
        exposition.serve()
        tracing.configure("dispatcher")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_dispatch(dispatcher))
        tracing.close()


def _write_conninfo() -> str:
    """The application's database, as Django knows it; limits of time are the dispatcher's own."""
    given: dict[str, Any] = settings.DATABASES["default"]
    ours = ("prepare_threshold", "options")
    return make_conninfo(
        dbname=given["NAME"],
        user=given["USER"] or None,
        password=given["PASSWORD"] or None,
        host=given["HOST"] or None,
        port=given["PORT"] or None,
        **{name: value for name, value in given["OPTIONS"].items() if name not in ours},
    )


async def _dispatch(dispatcher: Dispatcher) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, dispatcher.stop)
    await dispatcher.run()

"""A stand-in for Stripe of a test's own: it forgets all, its clock moves, the real SDK speaks to it."""

import itertools
import json
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe
from django.conf import settings

from billing.models import StripeCursor
from billing.stripe import handlers, inbox, movements, sweeper
from billing.stripe.client import STAND_IN_KEY, make_client
from stand_ins.stripe import server
from stand_ins.stripe.store import Store

handlers.register()
_numbers = itertools.count()


class Bank:
    """The stand-in with its control door, and the client that we would use."""

    def __init__(self, base: str, store: Store) -> None:
        self.base, self.store = base, store
        self.client: stripe.StripeClient = make_client()

    @property
    def now(self) -> datetime:
        """The stand-in's clock."""
        return datetime.fromtimestamp(self.store.now(), UTC)

    def control(self, command: str, **wish: Any) -> dict[str, Any]:
        """Do something at the control door."""
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.base}/_control/{command}",
            json.dumps(wish).encode(),
            {"Authorization": f"Bearer {STAND_IN_KEY}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
            told: dict[str, Any] = json.load(answer)
            return told

    def list_events(self) -> list[dict[str, Any]]:
        """Everything that happened, the oldest first."""
        rows = self.client.v1.events.list({"limit": 100}).auto_paging_iter()
        return [row.to_dict(for_json=True) for row in rows][::-1]

    def tell(self, events: Sequence[dict[str, Any]]) -> None:
        """Have events arrive, and be acted on."""
        for event in events:
            inbox.store(payload=event, now=self.now)
            inbox.handle_due(asked=self.client, now=self.now)

    def heal(self, *, after: int = 3700) -> None:
        """Let time pass, and have the sweeper and the tasks do their work."""
        self.control("advance", seconds=after)
        for _ in range(2):
            sweeper.sweep(asked=self.client, now=self.now)
            while inbox.handle_due(asked=self.client, now=self.now):
                pass
        movements.release_available(now=self.now)


@contextmanager
def open_bank() -> Iterator[Bank]:
    """A stand-in that forgets all."""
    store = Store(":memory:", seed=f"bank {next(_numbers)}")
    stand_in = server.StandIn(store, key=STAND_IN_KEY)
    made = server.make_server(stand_in, ("127.0.0.1", 0))
    base = stand_in.base = f"http://127.0.0.1:{made.server_address[1]}"
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    before = settings.STRIPE_URL
    settings.STRIPE_URL = base
    bank = Bank(base, store)
    # The bank before may have been far ahead.
    StripeCursor.objects.update(swept_to=bank.now - timedelta(days=2))
    try:
        yield bank
    finally:
        settings.STRIPE_URL = before
        made.shutdown()
        made.server_close()
        thread.join()
        store._connection.close()

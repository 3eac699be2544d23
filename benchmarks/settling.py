"""Draft, submit and begin to carry out one settlement as the product does; prints what it took as JSON."""

import json
import os
import resource
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import django


class Backend(threading.Thread):
    """
    Watches the memory of a connection's server process that is its own: pages of the buffers that all of the
    server's processes share are in its size as well, as many as it happened to touch.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._status = Path(f"/proc/{pid}/status")
        self._over = threading.Event()
        self._peak = 0

    def run(self) -> None:
        """Look a hundred times a second."""
        while not self._over.wait(0.01):
            self._look()

    def finish(self) -> int:
        """Stop looking; the most there was, in kB."""
        self._over.set()
        self.join()
        self._look()
        return self._peak

    def _look(self) -> None:
        text = self._status.read_text(encoding="ascii")
        self._peak = max(self._peak, int(text.split("RssAnon:")[1].split()[0]))


def main() -> None:
    """Measure with the environment of an exchange; two people are made for it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.db import connection

    from accounts.audit import Actor
    from accounts.models import User
    from billing import approvals
    from billing.settlement import batches, execution, gates

    ann, bob = (
        Actor.from_user(User.objects.create_superuser(f"{name}@ops.example", "a long password"))
        for name in ("ann", "bob")
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = Backend(cursor.fetchone()[0])
    backend.start()
    began = time.perf_counter()
    batch = batches.draft(
        currency="USD", every=None, entity="HK", ask=gates.ask, actor=ann, now=datetime.now(UTC)
    )
    drafted = time.perf_counter()
    asked = batches.submit(batch=batch, actor=ann, now=datetime.now(UTC))
    submitted = time.perf_counter()
    peak = backend.finish() + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    approvals.approve(approval=asked, sha256=asked.sha256, actor=bob, now=datetime.now(UTC))
    execution.start(batch=batch, actor=ann, now=datetime.now(UTC))
    paying = time.perf_counter()
    execution.pay_some(batch=batch, ask=gates.ask, now=datetime.now(UTC))
    sums = batches.sum_up(batch)
    print(
        json.dumps(
            {
                "items": sums["items"],
                "charges": sums["charges"],
                "draft_s": drafted - began,
                "submit_s": submitted - drafted,
                "megabytes": peak / 1024,
                "paid_per_s": execution.CHUNK / (time.perf_counter() - paying),
            }
        )
    )


if __name__ == "__main__":
    main()

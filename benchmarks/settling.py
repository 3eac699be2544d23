"""Draft, submit and begin to carry out one settlement as the product does; prints what it took as JSON."""

import json
import os
import resource
import time
from datetime import UTC, datetime
from pathlib import Path

import django


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
    began = time.perf_counter()
    batch = batches.draft(
        currency="USD", every=None, entity="HK", ask=gates.ask, actor=ann, now=datetime.now(UTC)
    )
    drafted = time.perf_counter()
    asked = batches.submit(batch=batch, actor=ann, now=datetime.now(UTC))
    submitted = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    status = Path(f"/proc/{backend}/status").read_text(encoding="ascii")
    peak = int(status.split("VmHWM:")[1].split()[0]) + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
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

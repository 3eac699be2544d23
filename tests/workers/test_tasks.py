"""Wake-ups: each finds its own work, may run twice, and takes no arguments that matter."""

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from accounts.keys import IssuedKey
from accounts.models import Organization
from billing import wallets
from billing.wallets import Wallet
from config.celery import SCHEDULE
from config.celery import app as celery_app
from marketplace.models import Job
from tests.databases import Database
from tests.market import Stand
from workers import blobs, jobs, tasks
from workers.blobs import FolderStore


@pytest.fixture
def queued(
    lab: Organization,
    lab_key: IssuedKey,
    lab_wallet: Wallet,
    stand: Stand,
    store: FolderStore,
    monkeypatch: pytest.MonkeyPatch,
) -> Job:
    """A job that waits, in the store that tasks use."""
    monkeypatch.setattr(blobs, "open_store", lambda: store)
    body = {"model": "small", "messages": [{"role": "user", "content": "Why?"}]}
    uid = jobs.submit_job(
        organization=lab,
        api_key=lab_key.key,
        body=json.dumps(body).encode(),
        now=datetime.now(UTC),
        store=store,
    ).uid
    return jobs.find_job(organization=lab, uid=uid)


def test_wakes_dispatchers(db: Database, queued: Job) -> None:
    with psycopg.connect(db.dsn, autocommit=True) as listener:
        listener.execute("LISTEN jouleport_jobs")

        tasks.wake_dispatcher(unknown="argument of a newer version")

        assert list(listener.notifies(timeout=2, stop_after=1))
    assert Job.objects.get(pk=queued.pk).state == "QUEUED"


def test_ends_jobs_that_can_never_run(
    db: Database, lab: Organization, queued: Job, store: FolderStore
) -> None:
    with psycopg.connect(db.superuser_dsn, autocommit=True) as connection:
        connection.execute("UPDATE job SET deadline_at = now() - interval '1 second'")

    assert tasks.wake_dispatcher() == 1
    assert tasks.wake_dispatcher() == 0
    assert Job.objects.get(pk=queued.pk).error_code == "deadline_passed"
    assert wallets.find_wallet(organization_id=lab.pk, currency="USD").held.amount == 0
    with pytest.raises(blobs.BlobMissing):
        store.read(str(queued.request_blob), now=datetime.now(UTC))


def test_cancels_what_went_back_to_the_queue_meanwhile(db: Database, lab: Organization, queued: Job) -> None:
    with psycopg.connect(db.superuser_dsn, autocommit=True) as connection:
        connection.execute("UPDATE job SET cancel_requested_at = now()")

    assert tasks.wake_dispatcher() == 1
    assert Job.objects.get(pk=queued.pk).state == "CANCELLED"
    assert wallets.find_wallet(organization_id=lab.pk, currency="USD").held.amount == 0


def test_sweeps_nothing_when_nothing_is_lost(queued: Job) -> None:
    assert tasks.sweep_attempts() == 0
    assert tasks.compare_receipts() == 0


def test_removes_expired_texts(queued: Job, store: FolderStore) -> None:
    store.write("old", b"text", expires_at=datetime.now(UTC) - timedelta(days=2))

    assert tasks.sweep_blobs() == 1
    assert tasks.sweep_blobs() == 0


def test_every_wake_up_is_on_the_schedule() -> None:
    ours = {name for name in celery_app.tasks if name.startswith("workers.tasks.")}

    assert ours <= SCHEDULE.keys()
    assert tasks.forget_replays in {celery_app.tasks[name] for name in ours}

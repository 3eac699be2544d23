"""A deferred job from its submission to its answer, through a real relay, agent and dispatcher."""

import json
import signal
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import psycopg
import pytest

from billing import wallets
from billing.models import Hold
from billing.tasks import post_charges
from tests.workers.dispatcher.conftest import Yard
from tests.workers.relay.exchange import wait_until
from workers import jobs, tasks
from workers.models import Attempt


def held(yard: Yard) -> Decimal:
    return wallets.find_wallet(organization_id=yard.lab.pk, currency="USD").held.amount


def count(upstream: str, name: str) -> int:
    return int(httpx.get(f"{upstream.removesuffix('/v1')}/requests", trust_env=False).json()[name])


def lapse_leases(yard: Yard) -> None:
    """Let ten seconds pass for the leases."""
    with psycopg.connect(yard.exchange.db.superuser_dsn, autocommit=True) as connection:
        connection.execute(
            "UPDATE attempt SET lease_until = now() - interval '1 second' WHERE state = 'RUNNING'"
        )


def test_runs_a_job_and_keeps_its_answer_and_cost(yard: Yard) -> None:
    yard.start_agent(yard.exchange.start_upstream())
    yard.start_dispatcher()

    uid = yard.submit()
    job = yard.wait(uid, "SUCCEEDED")

    bill = jobs.find_bill(job=job)
    assert bill is not None
    answer = json.loads(
        jobs.read_answer(job=job, bill=bill, store=yard.store, now=datetime.now(UTC)) or b"{}"
    )
    assert answer["model"] == "small"
    assert answer["choices"][0]["message"]["content"]
    usage = answer["usage"]
    assert usage["completion_tokens"] == 24
    assert Decimal(usage["cost_amount"]) == bill.cost.amount > 0
    assert usage["energy"]["tier"] == "declared"
    assert usage["job_id"] == str(uid)
    # The request is not needed any more.
    assert [path.name for path in (yard.folder / "blobs").rglob("*") if path.is_file()] == [f"{uid}.1.answer"]


def test_releases_the_rest_of_the_hold_once_charges_are_posted(yard: Yard) -> None:
    yard.start_agent(yard.exchange.start_upstream())
    yard.start_dispatcher()
    uid = yard.submit()
    yard.wait(uid, "SUCCEEDED")

    post_charges()

    wallet = wallets.find_wallet(organization_id=yard.lab.pk, currency="USD")
    bill = jobs.find_bill(job=yard.read(uid))
    assert bill is not None
    assert wallet.held.amount == 0
    assert wallet.available.amount == 10 - bill.cost.amount


def test_waits_for_the_node_and_then_runs(yard: Yard) -> None:
    yard.start_dispatcher()
    uid = yard.submit()
    wait_until(lambda: "dispatcher" in yard.logs() or yard.dispatchers[0].poll() is None, what="it runs")
    assert yard.read(uid).state == "QUEUED"

    yard.start_agent(yard.exchange.start_upstream())

    yard.wait(uid, "SUCCEEDED", seconds=30)


@pytest.mark.fault
def test_runs_again_after_the_dispatcher_was_killed(yard: Yard) -> None:
    upstream = yard.exchange.start_upstream("--tokens-per-second", "10", "--tokens", "30")
    yard.start_agent(upstream)
    killed = yard.start_dispatcher()
    uid = yard.submit()
    yard.wait(uid, "RUNNING")
    wait_until(lambda: count(upstream, "running") == 1, what="the model server works")

    killed.send_signal(signal.SIGKILL)
    killed.wait()
    money = held(yard)
    lapse_leases(yard)
    tasks.sweep_attempts()

    assert yard.read(uid).state == "QUEUED"
    assert held(yard) == money > 0
    yard.start_dispatcher()
    job = yard.wait(uid, "SUCCEEDED", seconds=30)
    states = list(Attempt.objects.filter(job=job).order_by("number").values_list("state", flat=True))
    assert states == ["FAILED", "RECORDED"]
    assert Hold.objects.get(source=job.pk).state == "OPEN"


@pytest.mark.race
def test_two_dispatchers_run_each_job_once(yard: Yard) -> None:
    upstream = yard.exchange.start_upstream()
    yard.start_agent(upstream)
    yard.start_dispatcher()
    yard.start_dispatcher()

    uids = [yard.submit() for _ in range(12)]

    for uid in uids:
        yard.wait(uid, "SUCCEEDED", seconds=40)
    answered = Attempt.objects.filter(job__uid__in=uids).exclude(error_code="node_full", state="FAILED")
    assert answered.count() == len(uids)
    assert set(answered.values_list("state", flat=True)) == {"RECORDED"}


def test_cancels_a_running_job_within_seconds(yard: Yard) -> None:
    upstream = yard.exchange.start_upstream("--tokens-per-second", "2", "--tokens", "40")
    yard.start_agent(upstream)
    yard.start_dispatcher()
    uid = yard.submit()
    yard.wait(uid, "RUNNING")
    wait_until(lambda: count(upstream, "running") == 1, what="the model server works")

    jobs.cancel_job(organization=yard.lab, uid=uid, store=yard.store)

    yard.wait(uid, "CANCELLED", seconds=6)
    assert held(yard) == 0
    wait_until(lambda: count(upstream, "running") == 0, what="the model server stopped")


def test_gives_jobs_back_when_it_is_told_to_stop(yard: Yard) -> None:
    upstream = yard.exchange.start_upstream("--tokens-per-second", "1", "--tokens", "40")
    yard.start_agent(upstream)
    dispatcher = yard.start_dispatcher("--drain-seconds", "0.2")
    uid = yard.submit()
    yard.wait(uid, "RUNNING")

    dispatcher.send_signal(signal.SIGTERM)

    assert dispatcher.wait(15) == 0, yard.logs()
    assert yard.read(uid).state == "QUEUED"
    assert held(yard) > 0


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("error500", "upstream_failed"),
        ("bad_json", "upstream_garbage"),
        ("empty", "upstream_empty"),
        ("refuse", "upstream_refused"),
    ],
)
def test_fails_a_job_that_no_node_can_do(yard: Yard, fault: str, code: str) -> None:
    yard.start_agent(yard.exchange.start_upstream("--fault", fault))
    yard.start_dispatcher()

    uid = yard.submit()
    job = yard.wait(uid, "FAILED", seconds=40)

    assert job.error_code == code
    assert held(yard) == 0
    assert not [path for path in (yard.folder / "blobs").rglob("*") if path.is_file()]


def test_logs_nothing_that_was_written_or_answered(yard: Yard, tmp_path: Path) -> None:
    yard.start_agent(yard.exchange.start_upstream())
    yard.start_dispatcher()
    uid = yard.submit(messages=[{"role": "user", "content": "the word is kumquat"}])
    yard.wait(uid, "SUCCEEDED")

    yard.close()

    assert "kumquat" not in yard.logs()

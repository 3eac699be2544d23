"""Deferred jobs as their buyers see them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from accounts import audit
from accounts.keys import IssuedKey
from accounts.models import Organization
from billing import spending_keys, wallets
from billing.models import Hold
from billing.wallets import Wallet
from core.errors import DomainError, NotFound
from core.money import Money
from marketplace import offer_terms, offers, price_cards, publishing, site_tariffs
from marketplace.contracts import Contract, Step, Terms
from marketplace.models import Job
from tests.cast import NOW
from tests.databases import Database
from tests.market import Stand
from workers import deferral, funds, jobs
from workers.blobs import FolderStore
from workers.bodies import BodyInvalid
from workers.jobs import Submission

SECRET = "the meaning of 7351"
Submit = Callable[..., Submission]


@pytest.fixture
def now() -> datetime:
    """The database's own time: cards, holds and deadlines are compared with it."""
    return datetime.now(UTC)


@pytest.fixture
def submit(lab: Organization, lab_key: IssuedKey, store: FolderStore, now: datetime) -> Submit:
    """Submit a job of the lab."""

    def call(
        *, idempotency_key: str | None = None, deadline: datetime | None = None, **body: Any
    ) -> Submission:
        content = {
            "model": "small",
            "messages": [{"role": "user", "content": SECRET}],
            "max_tokens": 50,
        } | body
        return jobs.submit_job(
            organization=lab,
            api_key=lab_key.key,
            body=json.dumps(content).encode(),
            now=now,
            store=store,
            deadline=deadline,
            idempotency_key=idempotency_key,
        )

    return call


def held(organization: Organization) -> Decimal:
    return wallets.find_wallet(organization_id=organization.pk, currency="USD").held.amount


def hold_of(uid: UUID) -> Decimal:
    return Hold.objects.get(source=Job.objects.get(uid=uid).pk).amount


def test_queues_a_job_with_its_money_held(
    lab: Organization, lab_wallet: Wallet, stand: Stand, submit: Submit
) -> None:
    submission = submit()

    job = jobs.find_job(organization=lab, uid=submission.uid)
    assert submission.is_new
    assert (job.state, job.kind, job.out_bound) == ("QUEUED", "DEFERRED", 50)
    assert job.matched is not None
    assert job.matched["chosen"]["offer"] == str(stand.offer.uid)
    assert held(lab) == hold_of(submission.uid) > 0
    assert not job.attempts.exists()


def test_keeps_the_text_out_of_the_database(
    db: Database, lab_wallet: Wallet, stand: Stand, submit: Submit, store: FolderStore, now: datetime
) -> None:
    submission = submit()

    with db.connect() as connection:
        rows = connection.execute("SELECT row_to_json(j)::text FROM job j").fetchall()
    assert SECRET not in str(rows)
    job = Job.objects.get(uid=submission.uid)
    assert SECRET.encode() in store.read(str(job.request_blob), now=now)


def test_waits_for_nodes_that_are_not_connected(lab_wallet: Wallet, stand: Stand, submit: Submit) -> None:
    # No relay runs in this test, so no node is connected.
    assert submit().is_new


@pytest.mark.parametrize(
    ("body", "refusal", "param"),
    [
        ({"model": "large"}, deferral.ModelUnknown, None),
        ({"model": 7}, DomainError, "model"),
        ({"messages": "no list"}, BodyInvalid, "messages"),
        ({"stream": True}, BodyInvalid, "stream"),
        ({"max_tokens": 0}, BodyInvalid, "max_tokens"),
        ({"max_tokens": 4096}, BodyInvalid, "max_tokens"),
        ({"n": 99}, BodyInvalid, "n"),
        ({"messages": [{"role": "user", "content": "word " * 9000}]}, BodyInvalid, "messages"),
        ({"provider": {"only": ["nobody"]}}, deferral.NoOffer, None),
        ({"provider": {"zdr": True}}, DomainError, "provider.zdr"),
    ],
)
def test_refuses_a_request_that_could_not_run(
    lab: Organization,
    lab_wallet: Wallet,
    stand: Stand,
    submit: Submit,
    store: FolderStore,
    tmp_path: Path,
    body: dict[str, Any],
    refusal: type[DomainError],
    param: str | None,
) -> None:
    with pytest.raises(refusal) as refused:
        submit(**body)

    assert refused.value.extra.get("param") == param
    assert not Job.objects.exists()
    assert held(lab) == 0
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_refuses_without_a_wallet(stand: Stand, submit: Submit) -> None:
    with pytest.raises(funds.NoWallet):
        submit()


def test_refuses_money_of_another_currency(lab: Organization, stand: Stand, submit: Submit) -> None:
    wallets.open_wallet(organization_id=lab.pk, currency="CNY")

    with pytest.raises(deferral.NoCurrency):
        submit()


def test_refuses_an_empty_wallet(lab: Organization, stand: Stand, submit: Submit) -> None:
    wallets.open_wallet(organization_id=lab.pk, currency="USD")

    with pytest.raises(funds.Unpaid):
        submit()
    assert held(lab) == 0


def test_refuses_beyond_the_limit_of_the_key(
    lab: Organization, lab_key: IssuedKey, lab_wallet: Wallet, stand: Stand, submit: Submit
) -> None:
    spending_keys.change_limit(
        key=lab_key.key, ceiling=Money(Decimal("0.000000001"), "USD"), actor=audit.SYSTEM, now=NOW
    )

    with pytest.raises(funds.KeyLimitExceeded) as refused:
        submit()
    assert refused.value.extra["scope"]["limit"] == "0.000000001"
    assert held(lab) == 0


@pytest.mark.parametrize("hours", [-1, 24 * 8])
def test_refuses_a_deadline_out_of_reach(
    lab_wallet: Wallet, stand: Stand, submit: Submit, now: datetime, hours: int
) -> None:
    with pytest.raises(jobs.DeadlineRefused):
        submit(deadline=now + timedelta(hours=hours))


def test_a_key_is_forgotten_after_its_time(lab_wallet: Wallet, stand: Stand, submit: Submit) -> None:
    first = submit(idempotency_key="once")
    # Claims carry the database's clock.
    today, day = datetime.now(UTC), timedelta(days=1)

    assert jobs.forget_claims(now=today + jobs.CLAIMS_KEPT - day) == 0
    assert jobs.forget_claims(now=today + jobs.CLAIMS_KEPT + day) == 1
    assert submit(idempotency_key="once").uid != first.uid


def test_answers_a_repeat_with_the_first_job(
    lab: Organization, lab_wallet: Wallet, stand: Stand, submit: Submit
) -> None:
    first = submit(idempotency_key="once")

    again = submit(idempotency_key="once")

    assert again.uid == first.uid
    assert not again.is_new
    assert Job.objects.count() == 1
    with pytest.raises(jobs.IdempotencyKeyReused):
        submit(idempotency_key="once", max_tokens=51)


def test_cancels_a_queued_job_and_gives_the_money_back(
    lab: Organization, lab_wallet: Wallet, stand: Stand, submit: Submit, store: FolderStore, tmp_path: Path
) -> None:
    uid = submit().uid

    job = jobs.cancel_job(organization=lab, uid=uid, store=store)

    assert job.state == "CANCELLED"
    assert held(lab) == 0
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert jobs.cancel_job(organization=lab, uid=uid, store=store).state == "CANCELLED"


def test_shows_nobody_a_strangers_job(
    stranger: Organization, lab_wallet: Wallet, stand: Stand, submit: Submit, store: FolderStore
) -> None:
    uid = submit().uid

    with pytest.raises(NotFound):
        jobs.find_job(organization=stranger, uid=uid)
    with pytest.raises(NotFound):
        jobs.cancel_job(organization=stranger, uid=uid, store=store)
    assert not jobs.list_jobs(organization=stranger).exists()


def test_ends_what_waited_past_its_deadline(
    lab: Organization, lab_wallet: Wallet, stand: Stand, submit: Submit, store: FolderStore, now: datetime
) -> None:
    late = submit(deadline=now + timedelta(minutes=1)).uid
    patient = submit(deadline=now + timedelta(hours=1)).uid

    ended = jobs.end_overdue(now=now + timedelta(minutes=2), store=store)

    assert ended == 1
    assert (Job.objects.get(uid=late).state, Job.objects.get(uid=late).error_code) == (
        "FAILED",
        "deadline_passed",
    )
    assert Job.objects.get(uid=patient).state == "QUEUED"
    assert held(lab) == hold_of(patient)


def test_refuses_a_model_whose_only_offer_was_withdrawn(
    lab_wallet: Wallet, stand: Stand, submit: Submit, now: datetime
) -> None:
    offers.withdraw(offer=stand.offer, actor=audit.SYSTEM, now=now)

    with pytest.raises(deferral.ModelUnknown):
        submit()


def test_who_may_wait_holds_and_pays_the_cheaper_card(
    lab: Organization, lab_wallet: Wallet, stand: Stand, submit: Submit, now: datetime
) -> None:
    terms = Terms(steps=(Step(4, Decimal("0.2")), Step(24, Decimal("0.5"))))
    offer_terms.set_terms(offer=stand.offer, terms=terms, actor=audit.SYSTEM, now=now)
    price_cards.publish_card(offer=stand.offer, actor=audit.SYSTEM, now=now)

    jobs_by_hours = {
        hours: Job.objects.get(uid=submit(deadline=now + timedelta(hours=hours)).uid) for hours in (3, 5, 24)
    }

    cards = {hours: job.card for hours, job in jobs_by_hours.items() if job.card}
    assert {hours: card.slack_hours for hours, card in cards.items()} == {3: 0, 5: 4, 24: 24}
    amounts = [hold_of(job.uid) for job in jobs_by_hours.values()]
    assert amounts == sorted(amounts, reverse=True)
    assert len(set(amounts)) == 3
    # Nobody gets a cheaper card than the job's own slack allows, nor anybody who does not wait.
    with connection.cursor() as cursor:
        for job, card, verdict in (
            (jobs_by_hours[5], cards[24], "card_stale"),
            (jobs_by_hours[24], cards[24], "ok"),
        ):
            cursor.execute(
                "SELECT verdict FROM reattempt_v1(ARRAY[%s]::bigint[], ARRAY[NULL]::bigint[], ARRAY[NULL],"
                " ARRAY[%s]::bigint[], ARRAY[%s]::bigint[], ARRAY[%s]::bigint[], ARRAY[gen_random_uuid()],"
                " ARRAY[gen_random_uuid()])",
                [job.pk, stand.offer.pk, card.pk, stand.node.pk],
            )
            assert cursor.fetchone() == (verdict,)


def test_a_job_waits_for_surplus_with_the_price_of_its_window_held(
    lab: Organization, lab_wallet: Wallet, stand: Stand, submit: Submit, now: datetime
) -> None:
    hour = now.replace(minute=0, second=0, microsecond=0)
    lot = {
        "start": (hour + timedelta(hours=2)).isoformat(),
        "end": (hour + timedelta(hours=4)).isoformat(),
        "kw": "500",
        "price": "0.01",
    }
    document = {
        "format": "jouleport-tariff/1",
        "name": "lots",
        "version": 1,
        "currency": "USD",
        "zone": "Asia/Shanghai",
        "valid_from": "2020-01-01",
        "verified": True,
        "grade": "A",
        "components": [
            {"kind": "FIXED_ENERGY", "name": "energy", "price": "0.06"},
            {"kind": "SURPLUS", "name": "lots", "lots": [lot], "replaces": ["energy"]},
        ],
    }
    site_tariffs.set_tariff(
        site=stand.site, terms=site_tariffs.Terms(document=document), actor=audit.SYSTEM, now=now
    )
    terms = Terms(Contract.SURPLUS)
    offer_terms.set_terms(offer=stand.offer, terms=terms, actor=audit.SYSTEM, now=now)
    publishing.publish_ahead(now=datetime.now(UTC))

    with pytest.raises(deferral.NoOffer) as refused:
        submit(deadline=now + timedelta(minutes=30))
    assert refused.value.extra["excluded"] == {"outside_surplus": 1}
    job = Job.objects.get(uid=submit(deadline=now + timedelta(hours=6)).uid)

    assert job.state == Job.State.QUEUED
    assert job.card is not None
    assert job.card.starts_at == hour + timedelta(hours=2)
    assert job.card.valid_until == hour + timedelta(hours=4)
    assert hold_of(job.uid) > 0

"""Receipts against our records."""

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

import psycopg
import pytest

from accounts import audit
from accounts.keys import IssuedKey
from accounts.models import Organization
from billing.models import Charge
from billing.wallets import Wallet
from core import ids
from marketplace import price_cards, site_tariffs
from marketplace.energy import receipts
from marketplace.models import Job, Offer
from tests.databases import Database
from tests.market import Stand
from workers import comparison, jobs, site_days, tasks
from workers.blobs import FolderStore
from workers.models import Attempt, MeterFlag, NodeEvent, ReceiptComparison, SiteDay, UsageEnergy

Connection = psycopg.Connection[Any]
numbers = itertools.count()


@pytest.fixture
def connection(db: Database) -> Iterator[Connection]:
    """As the application."""
    with db.connect() as connection:
        yield connection


@pytest.fixture
def run(
    connection: Connection,
    lab: Organization,
    lab_key: IssuedKey,
    lab_wallet: Wallet,
    stand: Stand,
    store: FolderStore,
) -> Callable[..., Attempt]:
    """Run a job that used 10 tokens in and 20 out, of one second; `recorded` False leaves it running."""

    def call(*, recorded: bool = True, ended_how: str = "complete") -> Attempt:
        body = {"model": "small", "messages": [{"role": "user", "content": "w" * 40}], "max_tokens": 50}
        uid = jobs.submit_job(
            organization=lab,
            api_key=lab_key.key,
            body=json.dumps(body).encode(),
            now=datetime.now(UTC),
            store=store,
        ).uid
        job = Job.objects.get(uid=uid)
        connection.execute(
            "SELECT reattempt_v1(%s::bigint[], ARRAY[NULL]::bigint[], ARRAY[NULL]::text[], %s::bigint[],"
            " %s::bigint[], %s::bigint[], %s::uuid[], %s::uuid[])",
            [
                [job.pk],
                [job.offer_id],
                [job.card_id],
                [stand.node.pk],
                [ids.make_uid()],
                [ids.make_uid()],
            ],
        )
        attempt = Attempt.objects.get(job=job)
        if recorded:
            connection.execute(
                "SELECT record_usage_v1(%s::bigint[], ARRAY[1], ARRAY[true], ARRAY[10]::bigint[],"
                " ARRAY[0]::bigint[], ARRAY[20]::bigint[], ARRAY[10]::bigint[], ARRAY[0]::bigint[],"
                " ARRAY[20]::bigint[], ARRAY['claim'], ARRAY[2.0], ARRAY[100.0], ARRAY['declared'],"
                " ARRAY['apportioned'], %s::text[], ARRAY['SUCCEEDED'])",
                [[attempt.pk], [ended_how]],
            )
        return attempt

    return call


def send(
    connection: Connection,
    stand: Stand,
    attempt_uid: UUID,
    *,
    previous: bytes | None = None,
    tokens_in: int | None = 10,
    tokens_out: int | None = 20,
    joules: str = "100",
    seconds: float = 1,
    tier: str = "declared",
) -> bytes:
    """Store a receipt as a relay does; gives its hash."""
    body = f"receipt {next(numbers)}".encode()
    ended = datetime.now(UTC)
    connection.execute(
        "INSERT INTO receipt (attempt_uid, node_id, body, signature, key_id, previous_hash, nonce, claim_in,"
        " claim_cached, claim_out, joules, tier, started_at, ended_at)"
        " VALUES (%s, %s, %s, %s, 'k', %s, 'n', %s, 0, %s, %s, %s, %s, %s)",
        [
            attempt_uid,
            stand.node.pk,
            body,
            bytes(64),
            previous,
            tokens_in,
            tokens_out,
            Decimal(joules),
            tier,
            ended - timedelta(seconds=seconds),
            ended,
        ],
    )
    return sha256(body).digest()


def flags() -> list[str]:
    return list(MeterFlag.objects.order_by("id").values_list("kind", flat=True))


def test_finds_nothing_odd_about_honest_receipts(
    connection: Connection, stand: Stand, run: Callable[..., Attempt]
) -> None:
    first = send(connection, stand, run().uid)
    send(connection, stand, run().uid, previous=first)

    assert tasks.compare_receipts() == 2
    assert not flags()
    assert ReceiptComparison.objects.count() == 2
    assert tasks.compare_receipts() == 0


@pytest.mark.parametrize(
    ("claimed", "flag"),
    [
        ({"tokens_out": 40}, comparison.TOKENS_DIFFER),
        ({"tokens_in": 2}, comparison.TOKENS_DIFFER),
        ({"tokens_out": 22}, None),
        ({"tokens_out": None}, None),
        ({"joules": "5000"}, comparison.JOULES_IMPLAUSIBLE),
        ({"joules": "0", "seconds": 60}, comparison.JOULES_IMPLAUSIBLE),
        ({"joules": "0", "seconds": 0.5}, None),
        ({"joules": "600", "seconds": 60}, None),
    ],
)
def test_flags_what_differs(
    connection: Connection,
    stand: Stand,
    run: Callable[..., Attempt],
    claimed: dict[str, Any],
    flag: str | None,
) -> None:
    send(connection, stand, run().uid, **claimed)

    tasks.compare_receipts()

    assert flags() == ([flag] if flag else [])


def test_raises_no_bill(connection: Connection, stand: Stand, run: Callable[..., Attempt]) -> None:
    attempt = run()
    before = list(Charge.objects.values())
    send(connection, stand, attempt.uid, tokens_in=999, tokens_out=999, joules="99999")

    tasks.compare_receipts()

    assert list(Charge.objects.values()) == before


def test_compares_no_tokens_of_an_answer_that_was_cut_short(
    connection: Connection, stand: Stand, run: Callable[..., Attempt]
) -> None:
    send(connection, stand, run(ended_how="buyer_gone").uid, tokens_out=45)

    tasks.compare_receipts()

    assert not flags()


def test_waits_for_the_end_of_the_attempt(
    connection: Connection, stand: Stand, run: Callable[..., Attempt]
) -> None:
    send(connection, stand, run(recorded=False).uid)

    assert tasks.compare_receipts() == 0


def test_notes_a_receipt_for_an_attempt_that_never_was(connection: Connection, stand: Stand) -> None:
    send(connection, stand, ids.make_uid())

    tasks.compare_receipts()

    event = NodeEvent.objects.get()
    assert (event.node_id, event.kind) == (stand.node.pk, comparison.ATTEMPT_UNKNOWN)
    assert not flags()


def test_flags_a_chain_with_a_missing_link_after_a_while(
    connection: Connection, stand: Stand, run: Callable[..., Attempt]
) -> None:
    send(connection, stand, run().uid, previous=sha256(b"nobody sent this").digest())

    assert comparison.compare_receipts(now=datetime.now(UTC)) == 0
    comparison.compare_receipts(now=datetime.now(UTC) + comparison.CHAIN_PATIENCE)

    assert flags() == [comparison.CHAIN_BROKEN]


def test_flags_a_chain_that_begins_or_branches_twice(
    connection: Connection, stand: Stand, run: Callable[..., Attempt]
) -> None:
    first = send(connection, stand, run().uid)
    send(connection, stand, run().uid, previous=first)
    branch, beginning = run(), run()
    send(connection, stand, branch.uid, previous=first)
    send(connection, stand, beginning.uid)

    tasks.compare_receipts()

    assert set(MeterFlag.objects.values_list("attempt_id", "kind")) == {
        (branch.pk, comparison.CHAIN_BROKEN),
        (beginning.pk, comparison.CHAIN_BROKEN),
    }


def test_accepts_receipts_that_come_in_another_order(
    connection: Connection, stand: Stand, run: Callable[..., Attempt]
) -> None:
    early, late = run(), run()
    body_hash = sha256(f"receipt {next(numbers) + 2}".encode()).digest()
    send(connection, stand, late.uid, previous=body_hash)
    assert tasks.compare_receipts() == 0

    send(connection, stand, early.uid)

    assert tasks.compare_receipts() == 2
    assert not flags()


def test_compared_receipts_become_what_the_next_card_is_built_from(
    connection: Connection,
    run: Callable[..., Attempt],
    stand: Stand,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receipts, "TOKENS_MIN", 100)
    last: bytes | None = None
    for _ in range(6):
        last = send(connection, stand, run().uid, previous=last, joules="90", tier="counter")
    comparison.compare_receipts(now=datetime.now(UTC))

    assert tasks.measure_joules() == 1
    assert tasks.measure_joules() == 0

    offer = Offer.objects.select_related("site", "profile__finding").get(pk=stand.offer.pk)
    # 20 output tokens and 10 input tokens at 0.45 of one.
    assert offer.profile.joules == (Decimal(90) / Decimal("24.5")).quantize(Decimal("1e-9"))
    electricity = price_cards.quote_offer(offer=offer).breakdown["lines"][0]
    assert electricity["tier"] == "counter"
    assert "finding 1: receipts of the node" in electricity["sources"]


def test_flagged_receipts_are_no_evidence(
    connection: Connection,
    run: Callable[..., Attempt],
    stand: Stand,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receipts, "TOKENS_MIN", 100)
    last: bytes | None = None
    for _ in range(6):
        # More than the machine can draw in that second.
        last = send(connection, stand, run().uid, previous=last, joules="900000", tier="counter")
    comparison.compare_receipts(now=datetime.now(UTC))

    assert tasks.measure_joules() == 0


def test_a_sites_day_adds_up_what_its_work_used_and_what_surplus_it_took(
    run: Callable[..., Attempt], stand: Stand
) -> None:
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    lot = {
        "start": midnight.isoformat(),
        "end": (midnight + timedelta(days=1)).isoformat(),
        "kw": "2",
        "price": "0.01",
        "firmness": "FIRM",
    }
    flat = {"name": "energy", "kind": "FIXED_ENERGY", "price": "0.031"}
    surplus = {"name": "lots", "kind": "SURPLUS", "replaces": ["energy"], "lots": [lot]}
    document = {
        "format": "jouleport-tariff/1",
        "name": "surplus",
        "version": 1,
        "currency": stand.site.currency,
        "zone": "UTC",
        "valid_from": "2020-01-01",
        "components": [flat, surplus],
    }
    terms = site_tariffs.Terms(document=document, confirmed=True)
    site_tariffs.set_tariff(site=stand.site, terms=terms, actor=audit.SYSTEM, now=now)
    for _ in range(2):
        run()

    assert site_days.count_day(day=now.date(), now=now) == 1
    assert site_days.count_day(day=now.date(), now=now) == 1

    row = SiteDay.objects.get(site=stand.site)
    records = UsageEnergy.objects.all()
    assert (row.attempts, row.output_tokens, row.joules) == (2, 40, Decimal(200))
    assert row.kwh == sum(record.kwh for record in records)
    # Two kilowatts all day, and all that was used was of it.
    assert (row.surplus_offered_kwh, row.surplus_absorbed_kwh) == (Decimal(48), row.kwh)
    assert site_days.read_kpis(row).pue == pytest.approx(stand.site.pue, rel=Decimal("1e-6"))

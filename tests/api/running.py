"""What a dispatcher and an agent do with a job, by the calls they make."""

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import psycopg

from accounts import audit
from core import ids
from marketplace import demand_events, openadr, reference_versions
from marketplace import series as histories
from marketplace.models import DemandEvent, Job, Site
from marketplace.reference.files import read_files
from tests.databases import Database
from tests.market import Stand
from workers.models import Attempt


class Provider(Protocol):
    """Whoever has a stand in the market."""

    @property
    def stand(self) -> Stand:
        """Where the job runs."""


def run_job(db: Database, job: Job, farm: Provider, *, tokens_out: int) -> None:
    """Run a job to its end, as a dispatcher does."""
    with db.connect() as connection:
        connection.execute(
            "SELECT reattempt_v1(%s::bigint[], ARRAY[NULL]::bigint[], ARRAY[NULL]::text[], %s::bigint[],"
            " %s::bigint[], %s::bigint[], %s::uuid[], %s::uuid[])",
            [
                [job.pk],
                [job.offer_id],
                [job.card_id],
                [farm.stand.node.pk],
                [ids.make_uid()],
                [ids.make_uid()],
            ],
        )
        attempt = Attempt.objects.get(job=job)
        connection.execute(
            "SELECT record_usage_v1(%s::bigint[], ARRAY[1], ARRAY[true], ARRAY[10]::bigint[],"
            " ARRAY[0]::bigint[], %s::bigint[], ARRAY[10]::bigint[], ARRAY[0]::bigint[], %s::bigint[],"
            " ARRAY['claim'], ARRAY[2.0], ARRAY[100.0], ARRAY['declared'], ARRAY['apportioned'],"
            " ARRAY['complete'], ARRAY['SUCCEEDED'])",
            [[attempt.pk], [tokens_out], [tokens_out]],
        )


def add_receipt(db: Database, attempt: Attempt) -> None:
    """Have the agent's receipt arrive."""
    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO receipt (attempt_uid, node_id, body, signature, key_id, nonce, joules, tier,"
            " started_at, ended_at) VALUES (%s, %s, 'body', decode(repeat('00', 64), 'hex'), 'k', 'n', 1,"
            " 'declared', now(), now())",
            [attempt.uid, attempt.node_id],
        )


def add_flag(db: Database, attempt: Attempt) -> int:
    """Have something odd found; gives the flag's number."""
    with db.connect() as connection:
        row = connection.execute(
            "INSERT INTO meter_flag (attempt_id, kind) VALUES (%s, 'overclaimed') RETURNING id", [attempt.pk]
        ).fetchone()
    assert row is not None
    return int(row[0])


def quarantine(db: Database, attempt: Attempt) -> int:
    """Have the ledger refuse an attempt's charge; gives the usage record's number."""
    usage = int(attempt.usage_records.get().id)
    with db.connect() as connection:
        connection.execute("SELECT quarantine_charge_v1(%s, 'refused')", [usage])
    return usage


def describe_wish(*, days: int) -> dict[str, Any]:
    """An event of demand response, some days from now."""
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    return {
        "programID": "peak",
        "eventName": f"in {days} days",
        "intervalPeriod": {"start": start.isoformat(), "duration": "PT2H"},
        "intervals": [{"payloads": [{"type": "DISPATCH_SETPOINT_RELATIVE", "values": [-200]}]}],
    }


def ask_for_load(site: Site, *, days: int) -> DemandEvent:
    """Have a site asked to shed load."""
    event = openadr.read_event(describe_wish(days=days))
    now = datetime.now(UTC)
    return demand_events.take_event(site=site, event=event, actor=audit.SYSTEM, now=now)[0]


def write_day() -> str:
    """A file of two hours."""
    return "starts_at,value\n2026-10-01T00:00Z,80\n2026-10-01T01:00Z,-20\n"


def load_figures() -> None:
    """Have a series of hourly prices, and one table of reference data."""
    now = datetime.now(UTC)
    described = histories.Described(
        slug="spot",
        name="Spot",
        kind="PRICE",
        zone="DE-LU",
        resolution=60,
        source="constructed",
        licence="none needed",
        currency="EUR",
    )
    histories.create_series(described=described, actor=audit.SYSTEM, now=now)
    files = [file for file in read_files() if file.name == "default_pue"]
    reference_versions.load_files(files=files, actor=audit.SYSTEM, now=now)

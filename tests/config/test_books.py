"""What is told of the books is what they hold, whatever state they are in."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.utils import timezone
from prometheus_client import CollectorRegistry

from config.books import Books
from marketplace.models import Series, SeriesFeed
from tests.billing import exchange
from tests.databases import Database


@pytest.fixture
def connection(db: Database) -> Iterator[psycopg.Connection[Any]]:
    """The application's connection."""
    with psycopg.connect(db.dsn, autocommit=True) as connection:
        yield connection


class Told:
    """The figures of a database, read anew each time."""

    def __init__(self, url: str) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(Books(url, seconds=0))

    def __call__(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(f"jouleport_{name}", labels)


@pytest.fixture
def told(db: Database) -> Told:
    """Ask for a figure."""
    return Told(db.dsn)


def test_an_empty_exchange_tells_everything(told: Told) -> None:
    assert told("books_readable") == 1
    for name in ("usage_unposted", "charges_quarantined", "receipts_uncompared", "attempts_expired"):
        assert told(name) == 0
        assert told(f"{name}_age_seconds") == 0
    assert told("fx_entries_untold") == 0
    for table in ("posting", "charge", "usage_record", "series_point", "series_correction"):
        assert told("partitions_ahead", table=table) == 2


def test_follows_money_from_hold_to_posting(connection: psycopg.Connection[Any], told: Told) -> None:
    buyer = exchange.make_buyer(connection, "Lab")
    seller = exchange.make_seller(connection, "Farm")
    before = told("wallets_available_amount", currency="USD")
    assert before is not None

    admitted = exchange.admit(connection, buyer, seller)
    held = told("wallets_held_amount", currency="USD")
    assert held == float(admitted.hold)
    assert told("wallets_available_amount", currency="USD") == pytest.approx(before - held)
    assert told("attempts_running") == 1
    assert told("holds_unmoved_amount", currency="USD") == 0

    exchange.record(connection, admitted.attempt_id)
    assert told("usage_unposted") == 1
    assert (told("usage_unposted_age_seconds") or 0) > 0
    assert told("attempts_running") == 0
    assert told("holds_unmoved_amount", currency="USD") == 0

    connection.execute("SELECT * FROM post_charges_v1(100)")
    assert told("usage_unposted") == 0
    assert (told("entries_unnumbered") or 0) > 0
    assert told("wallets_held_amount", currency="USD") == 0
    assert told("holds_unmoved_amount", currency="USD") == 0

    connection.execute("SELECT sequence_entries_v1()")
    assert told("entries_unnumbered") == 0


def test_a_charge_in_quarantine_is_told_with_its_age(connection: psycopg.Connection[Any], told: Told) -> None:
    buyer = exchange.make_buyer(connection, "Lab")
    admitted = exchange.admit(connection, buyer, exchange.make_seller(connection, "Farm"))
    exchange.record(connection, admitted.attempt_id)

    connection.execute("SELECT quarantine_charge_v1((SELECT usage_id FROM charge_queue), 'spoilt')")

    assert told("charges_quarantined") == 1
    assert (told("charges_quarantined_age_seconds") or 0) > 0
    # It is known why this money is held.
    assert told("holds_unmoved_amount", currency="USD") == 0


def test_a_lease_that_ran_out_is_told(db: Database, connection: psycopg.Connection[Any], told: Told) -> None:
    buyer = exchange.make_buyer(connection, "Lab")
    exchange.admit(connection, buyer, exchange.make_seller(connection, "Farm"))

    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        owner.execute("UPDATE attempt SET lease_until = now() - interval '30 s'")

    assert told("attempts_expired") == 1
    assert (told("attempts_expired_age_seconds") or 0) >= 30


def test_money_that_nothing_frees_is_told(
    db: Database, connection: psycopg.Connection[Any], told: Told
) -> None:
    buyer = exchange.make_buyer(connection, "Lab")
    admitted = exchange.admit(connection, buyer, exchange.make_seller(connection, "Farm"))

    # As if a program had ended the work and forgotten its hold.
    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        owner.execute("UPDATE attempt SET state = 'FAILED', ended_at = now()")

    assert told("holds_unmoved_amount", currency="USD") == float(admitted.hold)


def test_a_live_offer_without_a_price_in_force_is_told(
    db: Database, connection: psycopg.Connection[Any], told: Told
) -> None:
    exchange.make_seller(connection, "Farm")
    assert told("offers_unpriced") == 0

    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        owner.execute("ALTER TABLE price_card DISABLE TRIGGER price_card_never_changes")
        owner.execute("UPDATE price_card SET valid_until = starts_at + interval '1 microsecond'")

    assert told("offers_unpriced") == 1


def test_a_feed_tells_its_age_and_how_often_it_was_refused(told: Told) -> None:
    made = timezone.now() - timedelta(hours=2)
    series = Series.objects.create(
        slug="de-lu",
        name="Germany",
        kind="PRICE",
        market="DA",
        zone="DE-LU",
        currency="EUR",
        unit="MWh",
        resolution=15,
        low=-500,
        high=5000,
        source="somebody",
        licence="CC BY 4.0",
        created_at=made,
    )
    assert told("feed_age_seconds", series="de-lu") is None

    feed = SeriesFeed.objects.create(series=series, adapter="energy-charts", place="DE-LU", failures=3)
    assert told("feed_failures", series="de-lu") == 3
    assert (told("feed_age_seconds", series="de-lu") or 0) >= 7200

    SeriesFeed.objects.filter(pk=feed.pk).update(fetched_at=timezone.now(), failures=0)
    assert (told("feed_age_seconds", series="de-lu") or 0) < 60


def test_figures_that_cannot_be_read_are_absent() -> None:
    told = Told("postgresql://nobody@127.0.0.1:1/none")

    assert told("books_readable") == 0
    assert told("usage_unposted") is None

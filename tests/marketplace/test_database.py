"""What the database itself refuses, shown by writing around the services."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts.models import Organization
from marketplace.models import Model, Offer, PriceCard, Site
from tests.databases import Database
from tests.marketplace.listings import NOW, TOMORROW

pytestmark = pytest.mark.sql

OTHER_UID = UUID("01900000-0000-7000-8000-000000000001")


def write_card(offer: Offer, **changed: Any) -> PriceCard:
    """Insert a card as the second of its offer, past every check of the service."""
    card = {
        "uid": uuid4(),
        "offer": offer,
        "number": 2,
        "currency": "USD",
        "starts_at": TOMORROW,
        "input_price": Decimal("0.000001"),
        "cached_input_price": Decimal(0),
        "output_price": Decimal("0.000002"),
        "chip_second_price": Decimal(0),
        "fee_bps": 500,
        "breakdown": {},
        "created_at": NOW,
    }
    with transaction.atomic():
        return PriceCard.objects.create(**card | changed)


def test_a_card_that_breaks_no_rule_is_written(live: Offer) -> None:
    assert write_card(live).number == 2


@pytest.mark.parametrize(
    "broken",
    [
        {"number": 3},
        {"number": 1},
        {"starts_at": NOW},
        {"starts_at": NOW - timedelta(days=1)},
        {"currency": "CNY"},
        {"input_price": Decimal("-0.000001")},
        {"cached_input_price": Decimal("-0.000001")},
        {"output_price": Decimal("-0.000001")},
        {"chip_second_price": Decimal("0.0001")},
        {"fee_bps": -1},
        {"fee_bps": 10_000},
    ],
    ids=str,
)
def test_a_card_that_breaks_a_rule_is_refused(live: Offer, broken: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        write_card(live, **broken)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE price_card SET output_price = 0",
        "DELETE FROM price_card",
        "TRUNCATE price_card CASCADE",
        "DELETE FROM offer",
        "DELETE FROM site",
        "DELETE FROM model",
    ],
)
def test_the_application_has_no_right_to_rewrite_history(live: Offer, statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE price_card SET output_price = 0", "DELETE FROM price_card", "TRUNCATE price_card CASCADE"],
)
def test_not_even_the_owner_changes_a_card(db: Database, live: Offer, statement: str) -> None:
    with psycopg.connect(db.owner_dsn) as owner, pytest.raises(psycopg.errors.RestrictViolation):
        owner.execute(statement)


@pytest.mark.parametrize(
    "changed",
    [{"currency": "CNY"}, {"unit": "CHIP_SECOND"}, {"uid": OTHER_UID}, {"state": "GONE"}, {"slots": 0}],
    ids=str,
)
def test_an_offer_stays_what_its_cards_were_written_for(draft: Offer, changed: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Offer.objects.filter(pk=draft.pk).update(**changed)


def test_a_withdrawn_offer_does_not_return(live: Offer) -> None:
    Offer.objects.filter(pk=live.pk).update(state="WITHDRAWN")

    with pytest.raises(IntegrityError), transaction.atomic():
        Offer.objects.filter(pk=live.pk).update(state="LIVE")


def test_an_offer_stands_at_a_site_of_its_own_organization(
    stranger: Organization, dam: Site, small: Model
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Offer.objects.create(
            uid=uuid4(),
            organization=stranger,
            site=dam,
            model=small,
            currency="USD",
            slots=1,
            max_output_default=1,
            max_output_cap=1,
            created_at=NOW,
        )


@pytest.mark.parametrize(
    "changed",
    [
        {"pue": Decimal("0.99")},
        {"energy_price": Decimal("-0.01")},
        {"gco2_per_kwh": Decimal(-1)},
        {"country": "cn"},
        {"currency": "XXX"},
    ],
    ids=str,
)
def test_a_site_keeps_within_what_is_possible(dam: Site, changed: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Site.objects.filter(pk=dam.pk).update(**changed)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE offer SET state = 'DRAFT'",
        "UPDATE site SET pue = 1.3",
        "UPDATE model SET name = 'Smaller'",
    ],
)
def test_the_book_hears_of_changes(db: Database, live: Offer, statement: str) -> None:
    with psycopg.connect(db.dsn, autocommit=True) as listener:
        listener.execute("LISTEN jouleport_book")

        with connection.cursor() as cursor:
            cursor.execute(statement)

        assert [heard.channel for heard in listener.notifies(timeout=5, stop_after=1)] == ["jouleport_book"]


def test_the_book_hears_of_a_new_card(db: Database, live: Offer) -> None:
    with psycopg.connect(db.dsn, autocommit=True) as listener:
        listener.execute("LISTEN jouleport_book")

        write_card(live)

        assert [heard.channel for heard in listener.notifies(timeout=5, stop_after=1)] == ["jouleport_book"]

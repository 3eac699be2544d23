"""A buyer that was charged, a seller that invoices, and a connection as the application."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from billing.models import SellerProfile, TaxRule
from tests.billing import exchange
from tests.databases import Database
from tests.statements.scene import Scene

FIRST = date(1997, 7, 1)


@pytest.fixture
def app(db: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the application's role, each statement a transaction."""
    with psycopg.connect(db.dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def scene(app: psycopg.Connection[Any]) -> Scene:
    """A lab with ten dollars, charged 0.2, 0.2 and 0.05 by two farms; "now" is the day after."""
    lab, farm = exchange.make_buyer(app, "Lab"), exchange.make_seller(app, "Farm")
    SellerProfile.objects.create(
        entity_id="HK",
        name="Jouleport (HK) Ltd",
        address="1 Harbour Road\nHong Kong",
        changed_at=timezone.now(),
    )
    # Tests empty what migrations wrote there.
    TaxRule.objects.get_or_create(
        seller_country="HK", buyer_country=None, defaults={"rate": 0, "label": "No tax", "valid_from": FIRST}
    )
    scene = Scene(app, lab, farm, timezone.now() + timedelta(days=1))
    scene.charge(out=100)
    scene.charge(out=100)
    scene.charge(out=25)
    return scene

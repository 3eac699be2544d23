"""Whoever pays as they go is told before a wallet is empty, once until there is more."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from accounts.models import Organization, Role
from billing.spending import Day, estimate_days_left
from core.money import Money
from tests.api.conftest import make_user
from tests.billing import exchange
from tests.billing.exchange import Buyer
from tests.cast import NOW
from workers import low_wallets

Connection = psycopg.Connection[Any]
TODAY = NOW.date()
RECHARGED = """
INSERT INTO stripe_recharge (uid, organization_id, currency, threshold, amount, day_most, month_most,
                             payment_method_id, state, changed_at)
SELECT gen_random_uuid(), organization_id, currency, 1, 10, 10, 100, 'pm_1', 'ACTIVE', now()
  FROM scope WHERE kind = 1
"""


def spend(owner: Connection, buyer: Buyer, *amounts: str) -> None:
    """So much was charged on each day up to today."""
    for back, amount in enumerate(reversed(amounts)):
        owner.execute(
            "INSERT INTO spend_day VALUES (%s, %s, 'USD', %s, %s)",
            (buyer.organization_id, buyer.key_id, TODAY - timedelta(days=back), Decimal(amount)),
        )


@pytest.mark.sql
def test_owners_are_told_once_until_there_was_more(
    app: Connection, owner: Connection, lab: Buyer, outbox: list[Any]
) -> None:
    organization = Organization.objects.get(pk=lab.organization_id)
    make_user(organization, Role.OWNER, "ann")
    make_user(organization, Role.MEMBER, "bob")
    spend(owner, lab, "4", "6")

    told = [low_wallets.warn(now=NOW) for _ in range(2)]
    exchange.top_up(app, lab, "15")
    some = low_wallets.warn(now=NOW)
    owner.execute("UPDATE spend_day SET amount = 40")
    still = low_wallets.warn(now=NOW)
    owner.execute("UPDATE spend_day SET amount = 1")
    plenty = low_wallets.warn(now=NOW)
    owner.execute("UPDATE spend_day SET amount = 40")
    anew = low_wallets.warn(now=NOW)

    assert (told, some, still, plenty, anew) == ([1, 0], 0, 0, 0, 1)
    assert [one.to for one in outbox] == [["ann@example.org"], ["ann@example.org"]]
    assert "10.00 USD is left" in outbox[0].body
    assert "less than 3 days" in outbox[0].body


@pytest.mark.sql
@pytest.mark.parametrize(
    "passed_over",
    [
        "UPDATE scope SET frozen = true WHERE kind = 1",
        RECHARGED,
        "UPDATE spend_day SET day = day - 7",
    ],
)
def test_what_fills_itself_is_frozen_or_spends_no_more_is_passed_over(
    owner: Connection, lab: Buyer, outbox: list[Any], passed_over: str
) -> None:
    spend(owner, lab, "9")
    owner.execute(passed_over.encode())

    assert (low_wallets.warn(now=NOW), outbox) == (0, [])


@pytest.mark.parametrize(
    ("spent", "available", "left"),
    [
        ("0 0 0", "10", None),
        ("0 0 5", "10", 2),
        ("5 0 5", "10", 3),
        ("9 9 1 1 1 1 1 1 1", "10", 10),
        ("4", "0", 0),
        ("4", "-1", 0),
    ],
)
def test_the_pace_is_that_of_the_last_seven_days(spent: str, available: str, left: int | None) -> None:
    days = [Day(date(2026, 1, 1), Money(Decimal(amount), "USD")) for amount in spent.split()]

    assert estimate_days_left(available=Money(Decimal(available), "USD"), days=days) == left

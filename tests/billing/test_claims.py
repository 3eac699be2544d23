"""Credits for claims: a part of one charge back, the way it came, once."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from accounts import audit
from billing import bookings, charges, claims, verification
from billing.bookings import Bearer
from billing.models import Entry
from core.errors import DomainError
from tests.billing import exchange
from tests.billing.exchange import NOW, Buyer, Seller
from tests.billing.test_conversions import find_wrong, give_back, hall, quote, read_balance  # noqa: F401

pytestmark = pytest.mark.sql


def sell(app: psycopg.Connection[Any], buyer: Buyer, seller: Seller) -> int:
    """One charge, posted; its usage."""
    used = exchange.record(app, exchange.admit(app, buyer, seller).attempt_id, out=100)
    charges.post_charges(seconds_max=10)
    return int(used["usage_id"])


def credit(usage: int, amount: Decimal, *, borne_by: Bearer = Bearer.PROVIDER) -> int:
    return claims.credit_charge(
        usage_id=usage, amount=amount, borne_by=borne_by, reason="wrong answer", actor=audit.SYSTEM, now=NOW
    ).entry_id


def test_half_of_a_converted_charge_goes_back_at_the_rate_of_its_job(
    app: psycopg.Connection[Any],
    lab: Buyer,
    hall: Seller,  # noqa: F811
    quote: int,  # noqa: F811
) -> None:
    usage = sell(app, lab, hall)
    left = claims.find_left(usage_id=usage)

    credit(usage, left.amount / 2)

    assert claims.find_left(usage_id=usage).amount == left.amount / 2
    assert exchange.read_scope(app, lab.wallet_id)[0] == 10 - left.amount / 2
    assert read_balance(app, "PAYABLE", "CNY", hall.organization_id) == Decimal("0.095")
    assert read_balance(app, "FX_POSITION", "CNY") == Decimal("0.1")
    assert verification.verify() == []


def test_a_quarter_of_a_charge_is_taken_from_fee_and_provider_alike(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    usage = sell(app, lab, farm)
    paid = claims.find_left(usage_id=usage).amount

    credit(usage, paid / 4)

    kept = paid * 3 / 4
    assert read_balance(app, "PLATFORM_FEE", "USD") == kept / 20
    assert read_balance(app, "PAYABLE", "USD", farm.organization_id) == kept * 19 / 20
    assert verification.verify() == []


@pytest.mark.parametrize("final", [None, "0.1"])
def test_all_of_a_charge_goes_back_to_the_last_place(
    app: psycopg.Connection[Any],
    owner: psycopg.Connection[Any],
    lab: Buyer,
    hall: Seller,  # noqa: F811
    quote: int,  # noqa: F811
    final: str | None,
) -> None:
    usage = sell(app, lab, hall)
    if final:
        give_back(owner, usage, final)

    credit(usage, claims.find_left(usage_id=usage).amount)

    assert exchange.read_scope(app, lab.wallet_id) == (Decimal(10), Decimal(0))
    assert read_balance(app, "PAYABLE", "CNY", hall.organization_id) == 0
    assert read_balance(app, "FX_SPREAD", "USD") == 0
    assert find_wrong() == []


def test_the_platform_bears_a_credit_alone(
    app: psycopg.Connection[Any],
    lab: Buyer,
    hall: Seller,  # noqa: F811
    quote: int,  # noqa: F811
) -> None:
    usage = sell(app, lab, hall)
    earned = read_balance(app, "PAYABLE", "CNY", hall.organization_id)

    credit(usage, Decimal("0.000000001"), borne_by=Bearer.PLATFORM)

    assert read_balance(app, "PAYABLE", "CNY", hall.organization_id) == earned
    assert read_balance(app, "SLA_CREDIT", "USD") == Decimal("0.000000001")
    assert verification.verify() == []


@pytest.mark.parametrize("amount", ["0", "-1", "0.028140001", "NaN", "Infinity"])
def test_nothing_and_too_much_are_refused(
    app: psycopg.Connection[Any],
    lab: Buyer,
    hall: Seller,  # noqa: F811
    quote: int,  # noqa: F811
    amount: str,
) -> None:
    usage = sell(app, lab, hall)
    entries = Entry.objects.count()

    with pytest.raises(claims.CreditTooMuch):
        credit(usage, Decimal(amount))
    assert Entry.objects.count() == entries


def test_a_charge_comes_back_by_one_way_only(
    app: psycopg.Connection[Any],
    lab: Buyer,
    hall: Seller,  # noqa: F811
    quote: int,  # noqa: F811
) -> None:
    first, second = sell(app, lab, hall), sell(app, lab, hall)
    whole: dict[str, Any] = {
        "reason": "broken",
        "actor": audit.SYSTEM,
        "now": NOW,
        "borne_by": Bearer.PROVIDER,
    }
    credit(first, Decimal("0.01"))
    bookings.refund_charge(usage_id=second, **whole)

    with pytest.raises(bookings.Credited):
        bookings.refund_charge(usage_id=first, **whole)
    with pytest.raises(claims.ChargeRefunded):
        credit(second, Decimal("0.01"))
    with pytest.raises(DomainError):
        credit(first, Decimal("0.02"))
    assert credit(first, Decimal("0.01")) == Entry.objects.get(key=f"claim:usage:{first}").pk
    assert verification.verify() == []

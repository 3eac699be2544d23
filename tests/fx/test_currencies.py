"""Currencies: one list, and amounts in whole smallest units."""

from decimal import Decimal

import pytest

from billing import currencies
from billing.currencies import BelowMinimum, CurrencyUnknown, DoesNotFit, NotAtStripe
from billing.models import Currency
from tests.databases import Database


def test_the_table_is_the_file(db: Database) -> None:
    rows = {row.code: row for row in Currency.objects.all()}

    assert set(rows) == set(currencies.read_all())
    assert len(rows) > 150
    for one in currencies.read_all().values():
        row = rows[one.code]
        assert (row.exponent, row.numeric_code, row.kind) == (one.exponent, one.numeric_code, one.kind)
        assert (row.stripe_exponent, row.stripe_step, row.payout_step, row.minimum_charge) == (
            *(one.stripe_exponent, one.stripe_step, one.payout_step),
            one.minimum_charge,
        )


def test_what_is_in_no_list_is_unknown() -> None:
    with pytest.raises(CurrencyUnknown):
        currencies.find(currency="XXX")


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [
        ("USD", "12.34", 1234),
        ("JPY", "12", 12),
        ("BHD", "0.005", 5),
        ("USDC", "0.000001", 1),
        ("ISK", "5", 5),
    ],
)
def test_amounts_go_to_smallest_units_and_back(currency: str, amount: str, minor: int) -> None:
    assert currencies.to_minor(amount=Decimal(amount), currency=currency) == minor
    assert currencies.from_minor(minor=minor, currency=currency) == Decimal(amount)


@pytest.mark.parametrize(("currency", "amount"), [("USD", "0.001"), ("JPY", "0.5"), ("BHD", "0.0001")])
def test_what_has_no_smallest_unit_does_not_fit(currency: str, amount: str) -> None:
    with pytest.raises(DoesNotFit):
        currencies.to_minor(amount=Decimal(amount), currency=currency)


@pytest.mark.parametrize(
    ("currency", "amount", "units"),
    [
        ("USD", "0.5", 50),
        ("JPY", "50", 50),
        ("MGA", "700", 700),
        ("ISK", "5", 500),
        ("UGX", "5", 500),
        ("KWD", "5.12", 5120),
        ("HUF", "175.55", 17555),
    ],
)
def test_stripe_has_words_of_its_own(currency: str, amount: str, units: int) -> None:
    assert currencies.to_stripe(amount=Decimal(amount), currency=currency) == units
    assert currencies.from_stripe(units=units, currency=currency) == Decimal(amount)


@pytest.mark.parametrize(
    ("currency", "amount", "refusal"),
    [
        ("CNH", "5", NotAtStripe),
        ("USDC", "5", NotAtStripe),
        ("KWD", "5.124", DoesNotFit),
        ("ISK", "5.5", DoesNotFit),
        ("MGA", "5.5", DoesNotFit),
        ("USD", "0.49", BelowMinimum),
        ("HKD", "3.99", BelowMinimum),
    ],
)
def test_stripe_charges_no_such_amount(currency: str, amount: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        currencies.to_stripe(amount=Decimal(amount), currency=currency)


@pytest.mark.parametrize("currency", ["ISK", "HUF", "TWD", "UGX"])
def test_some_payouts_are_of_whole_units(currency: str) -> None:
    with pytest.raises(DoesNotFit):
        currencies.to_stripe_payout(amount=Decimal("10.45"), currency=currency)

    assert currencies.floor_to_stripe_payout(amount=Decimal("10.459"), currency=currency) == 10
    assert currencies.to_stripe_payout(amount=Decimal(10), currency=currency) == 1000


def test_what_is_cut_off_is_less_than_one_unit() -> None:
    assert currencies.floor_to_minor(amount=Decimal("1.239999999"), currency="EUR") == Decimal("1.23")
    assert currencies.floor_to_stripe_payout(amount=Decimal("1.2399"), currency="KWD") == Decimal("1.23")

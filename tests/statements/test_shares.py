"""What is printed adds up: cents by largest remainder, taxes rounded once, tax numbers checked."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.models import TaxRule
from billing.statements import tax_ids, taxes
from billing.statements.lines import WorkIncomplete, make_lines
from billing.statements.periods import Period, PeriodInvalid, list_months, read_period
from billing.statements.shares import add, show_shares
from billing.statements.sources import Work
from billing.statements.tax_ids import TaxIdInvalid
from billing.statements.taxes import NoTaxRule
from core.quantities import EXACT, round_half_even
from tests.cast import NOW

AMOUNTS = st.lists(st.integers(0, 10**18).map(lambda nanos: Decimal(nanos).scaleb(-9)), max_size=60)


@given(exact=AMOUNTS, places=st.integers(0, 4), negative=st.booleans())
def test_shares_come_to_the_rounded_sum_and_none_is_a_unit_off(
    exact: list[Decimal], places: int, negative: bool
) -> None:
    given_amounts = [amount.copy_negate() for amount in exact] if negative else exact

    shown = show_shares(given_amounts, places=places)

    assert add(shown) == round_half_even(add(given_amounts), places)
    unit = Decimal(1).scaleb(-places)
    assert all(abs(EXACT.subtract(a, b)) < unit or a == b for a, b in zip(given_amounts, shown, strict=True))


def test_the_cent_that_is_left_goes_to_who_lost_most() -> None:
    third = Decimal("0.333333333")

    assert show_shares([third, third, Decimal("0.333333334")], places=2) == [
        Decimal("0.33"),
        Decimal("0.33"),
        Decimal("0.34"),
    ]
    with pytest.raises(ValueError, match="one sign"):
        show_shares([third, -third], places=2)


@given(exact=AMOUNTS.filter(bool))
def test_lines_of_an_invoice_come_to_what_its_entries_took(exact: list[Decimal]) -> None:
    work = [
        Work("CHARGE", "small", f"site {n}", "SE", 1, 2, 3, amount)
        for n, amount in enumerate(exact)
        if amount
    ]
    sums = {"CHARGE": add(exact), "HEAT": Decimal("1.5")} if work else {"HEAT": Decimal("1.5")}

    lines = make_lines(sums=sums, work=work, places=2)

    assert add([line.exact for line in lines]) == add(list(sums.values()))
    assert add([line.shown for line in lines]) == round_half_even(add(list(sums.values())), 2)


def test_work_that_is_not_what_the_ledger_says_is_refused() -> None:
    with pytest.raises(WorkIncomplete, match="CHARGE"):
        make_lines(
            sums={"CHARGE": Decimal(2)},
            work=[Work("CHARGE", "m", "s", "SE", 1, 1, 1, Decimal(1))],
            places=2,
        )


@given(net=st.integers(-(10**12), 10**12), rates=st.lists(st.integers(0, 999_999), min_size=1, max_size=3))
def test_a_tax_is_rounded_once_for_an_invoice_and_rate(net: int, rates: list[int]) -> None:
    shown = Decimal(net).scaleb(-2)
    rules = [TaxRule(label="t", rate=Decimal(rate).scaleb(-6)) for rate in rates]

    borne = taxes.reckon(rules, net=shown, places=2)

    for rule, line in zip(rules, borne, strict=True):
        assert abs(EXACT.subtract(line.amount, EXACT.multiply(shown, rule.rate))) <= Decimal("0.005")


def rule(**said: object) -> TaxRule:
    return TaxRule(seller_country="HK", rate=Decimal(0), label="x", valid_from=date(2020, 1, 1), **said)


def test_the_rule_that_fits_best_is_taken_and_several_of_them_are_several_taxes() -> None:
    anybody, sweden = rule(), rule(buyer_country="SE")
    business = rule(buyer_country="SE", buyer_has_tax_id=True, reverse_charge=True)
    twice = rule(buyer_country="CA"), rule(buyer_country="CA")
    rules = [anybody, sweden, business, *twice]

    def choose(country: str, *, has_tax_id: bool = False) -> list[TaxRule]:
        return taxes.choose_rules(rules, buyer_country=country, has_tax_id=has_tax_id)

    assert choose("US", has_tax_id=True) == [anybody]
    assert choose("SE") == [sweden]
    assert choose("SE", has_tax_id=True) == [business]
    assert choose("CA") == list(twice)
    with pytest.raises(NoTaxRule):
        taxes.reckon([], net=Decimal(1), places=2)


@pytest.mark.parametrize(
    ("kind", "country", "number"),
    [
        ("eu_vat", "DE", "DE 136 695 976"),
        ("eu_vat", "SE", "SE556036079301"),
        ("eu_vat", "GR", "EL123456789"),
        ("gb_vat", "GB", "GB 980 7806 84"),
        ("cn_uscc", "CN", "91350100M000100Y43"),
        ("hk_br", "HK", "12345678"),
        ("us_ein", "US", "12-3456789"),
        ("sg_uen", "SG", "200012345A"),
        ("jp_trn", "JP", "T1234567890123"),
        ("au_abn", "AU", "51 824 753 556"),
        ("in_gstin", "IN", "27AAPFU0939F1ZV"),
    ],
)
def test_tax_numbers_have_their_form_and_check_digit(kind: str, country: str, number: str) -> None:
    plain = tax_ids.check_tax_id(kind=kind, number=number, country=country)

    assert plain.isalnum()
    last = "0" if plain[-1] != "0" else "1"
    if kind in ("cn_uscc", "au_abn", "in_gstin", "gb_vat") or country == "DE":
        with pytest.raises(TaxIdInvalid):
            tax_ids.check_tax_id(kind=kind, number=plain[:-1] + last, country=country)
    with pytest.raises(TaxIdInvalid):
        tax_ids.check_tax_id(kind=kind, number=f"{number}77777777", country=country)
    with pytest.raises(TaxIdInvalid):
        tax_ids.check_tax_id(kind=kind, number=number, country="BR")


def test_a_kind_of_tax_number_that_nobody_knows_is_refused() -> None:
    with pytest.raises(TaxIdInvalid):
        tax_ids.check_tax_id(kind="moon", number="1", country="SE")


def test_periods_are_months_or_days() -> None:
    assert read_period(month="2026-02", now=NOW) == Period(date(2026, 2, 1), date(2026, 3, 1))
    assert read_period(since="2026-02-03", until="2026-02-05", now=NOW).name == "2026-02-03-2026-02-04"
    assert read_period(since="2026-02-03", last="2026-02-04", now=NOW).until == date(2026, 2, 5)
    assert read_period(month="2025-12", now=NOW).name == "2025-12"
    assert [one.name for one in list_months(first=date(2026, 3, 31), now=NOW)] == [
        "2026-05",
        "2026-04",
        "2026-03",
    ]
    for words in (
        {"month": "2026-13"},
        {"month": "x"},
        {"month": "2026-01", "since": "2026-01-01"},
        {"since": "2026-02-02", "until": "2026-02-02"},
        {"month": "9999-12"},
    ):
        with pytest.raises(PeriodInvalid):
            read_period(**words, now=NOW)

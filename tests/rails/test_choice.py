"""By which method a provider is paid, and why not by the others; e-CNY and payment by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.rails import registry, rules
from billing.rails.choice import choose_method
from billing.rails.ecny import EcnyRail
from billing.rails.manual import ManualRail
from billing.rails.protocol import (
    CannotInstruct,
    DetailRefused,
    FileInstruction,
    PaymentOrder,
    Step,
    Unreadable,
)
from billing.rails.terms import TERMS
from tests.rails.orders import MADE, make_order

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@dataclass
class Method:
    """What a choice knows of one."""

    pk: int
    rail: str
    currency: str = "USD"
    country: str = "US"
    state: str = "READY"
    payable_from: datetime = NOW


def choose(
    *methods: Method, amount: str = "100", currency: str = "USD", may_receive: bool = True
) -> tuple[int | None, list[tuple[int, str]]]:
    chosen = choose_method(
        methods=methods,
        amount=Decimal(amount),
        currency=currency,
        terms=TERMS,
        may_receive=may_receive,
        now=NOW,
    )
    rejected = [(one.method.pk, one.refusal.code) for one in chosen.rejected]
    return (chosen.method.pk if chosen.method else None), rejected


def test_the_first_method_that_may_be_paid_is_taken_and_the_rest_say_why_not() -> None:
    listed = [
        Method(1, "usdc", currency="USDC"),
        Method(2, "bank_file", state="PENDING"),
        Method(3, "bank_file", state="BLOCKED"),
        Method(4, "bank_file", payable_from=NOW + timedelta(seconds=1)),
        Method(5, "bank_file", country="KP"),
        Method(6, "ecny"),
        Method(7, "carrier_pigeon"),
        Method(8, "bank_file"),
        Method(9, "manual"),
    ]

    assert choose(*listed) == (
        8,
        [
            (1, "other_currency"),
            (2, "pending"),
            (3, "blocked"),
            (4, "cooling"),
            (5, "jurisdiction"),
            (6, "currency"),
            (7, "no_rail"),
        ],
    )


def test_an_amount_too_small_for_one_rail_goes_by_the_next() -> None:
    listed = [Method(1, "bank_file"), Method(2, "manual")]

    assert choose(*listed, amount="0.99") == (2, [(1, "too_small")])
    assert choose(*listed, amount="1") == (1, [])
    assert choose(*listed, amount="0") == (1, [])


def test_who_may_not_be_paid_is_paid_by_no_method() -> None:
    assert choose(Method(1, "manual"), may_receive=False) == (None, [(1, "not_allowed")])
    assert choose() == (None, [])


@pytest.mark.parametrize(
    ("rail", "currency", "country", "may"),
    [
        ("bank_file", "CNY", "CN", True),
        ("bank_file", "CNY", "HK", False),
        ("bank_file", "CNH", "HK", True),
        ("bank_file", "CNH", "CN", False),
        ("bank_file", "HKD", "HK", True),
        ("bank_file", "USD", "CN", False),
        ("bank_file", "EUR", "DE", True),
        ("bank_file", "EUR", "KP", False),
        ("stripe_connect", "USD", "US", True),
        ("stripe_connect", "USD", "CN", False),
        ("stripe_connect", "CNY", "CN", False),
        ("stripe_connect", "CNH", "HK", False),
        ("stripe_connect", "USD", "NG", False),
        ("usdc", "USDC", "SE", True),
        ("usdc", "USDC", "CN", False),
        ("ecny", "CNY", "CN", True),
        ("ecny", "CNY", "HK", False),
        ("manual", "JPY", "JP", True),
        ("manual", "USD", "KP", False),
    ],
)
def test_who_may_be_paid_where(rail: str, currency: str, country: str, may: bool) -> None:
    found = rules.find_refusal(rules=rules.read_rules(), rail=rail, currency=currency, country=country)

    assert (found is None) is may


def test_every_rule_has_its_source_and_day_and_speaks_of_a_rail() -> None:
    known = set(registry.RAILS) | {"stripe_connect"}

    for rule in rules.read_rules():
        assert rule.source
        assert rule.rail in known
    assert {rule.rail for rule in rules.read_rules()} >= set(registry.RAILS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rule = 1",
        "[[rule]]\nrail = 'manual'",
        "[[rule]]\nrail = 'manual'\ncurrencies = ['*']\ncountries = ['*']\nsource = ''\nverified = true",
        "[[rule]]\nrail = 'manual'\ncurrencies = []\ncountries = ['*']\nsource = 'x'\nverified = true",
        "[[rule]]\nrail = 'manual'\nodd = 1\ncurrencies = ['*']\ncountries = ['*']\nsource = 'x'",
    ],
)
def test_a_table_that_is_not_whole_is_not_read(text: str) -> None:
    with pytest.raises(rules.RulesUnreadable):
        rules.parse_rules(text)


def pay_ecny(number: int, amount: str = "12.34", name: str = "太阳农场") -> PaymentOrder:
    details = EcnyRail().validate(
        {"name": name, "wallet": "0022 0000 1234 5678", "institution": "icbc"}, currency="CNY", country="CN"
    )
    return make_order(number, amount=amount, currency="CNY", country="CN", details=dict(details.values))


@pytest.mark.parametrize("rail", [EcnyRail(), ManualRail()])
def test_a_sheet_lists_every_payment_and_no_formula(rail: EcnyRail | ManualRail) -> None:
    make: Callable[[int], PaymentOrder] = pay_ecny
    if isinstance(rail, ManualRail):
        details = {"name": "=cmd()", "instructions": "@home"}

        def make(number: int) -> PaymentOrder:
            return make_order(number, amount="12.34", currency="CNY", country="CN", details=details)

    [file] = rail.prepare([make(2), make(1)], payer={}, now=MADE)

    assert isinstance(file, FileInstruction)
    lines = file.content.decode().splitlines()
    assert [line.split(",")[0][-1] for line in lines[1:]] == ["1", "2"]
    assert all("12.34,CNY" in line for line in lines[1:])
    assert not any(cell.startswith(("=", "@")) for line in lines for cell in line.split(","))
    assert file.total == Decimal("24.68")


@pytest.mark.parametrize(
    ("field", "value"),
    [("wallet", "002200001234567"), ("wallet", "x" * 16), ("institution", "HSBC"), ("name", "")],
)
def test_a_wallet_that_cannot_be_is_refused_by_its_field(field: str, value: str) -> None:
    good = {"name": "Sun", "wallet": "0022000012345678", "institution": "ICBC"}

    with pytest.raises(DetailRefused) as refused:
        EcnyRail().validate(good | {field: value}, currency="CNY", country="CN")

    assert refused.value.field == field


def test_fractions_of_a_fen_are_not_paid() -> None:
    with pytest.raises(CannotInstruct):
        EcnyRail().prepare([pay_ecny(1, amount="0.001")], payer={}, now=MADE)


def test_a_sheet_of_what_was_done_is_read_back() -> None:
    orders = [pay_ecny(1), pay_ecny(2)]
    first, second = (order.end_to_end_id for order in orders)
    rows = f"payout,status,reason\r\n{first},paid,\r\n{second},REFUSED,no wallet\r\n"

    news = EcnyRail().confirm(rows.encode(), name="", orders=orders, payer={})

    assert [(one.step, one.reason) for one in news] == [(Step.PAID, ""), (Step.REFUSED, "no wallet")]
    for wrong in (b"\xff", rows.replace("paid", "maybe").encode(), rows.replace("1,", "9,").encode()):
        with pytest.raises(Unreadable):
            EcnyRail().confirm(wrong, name="", orders=orders, payer={})
    with pytest.raises(Unreadable):
        ManualRail().confirm(b"", name="", orders=[], payer={})

"""What follows from what Stripe tells: decided without Stripe and without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.stripe import disputes, fraud, movements, outcomes, payments, recharge, refunds
from billing.stripe.facts import Movement, Payment
from core.errors import DomainError
from core.money import Money

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
TERMS = fraud.Terms(
    currency="USD",
    methods=frozenset({"CARD", "ALIPAY"}),
    least=Decimal(5),
    most=Decimal(500),
    day_most=Decimal(1000),
    new_day_most=Decimal(200),
    reserve_bps=1000,
    elevated_reserve_bps=5000,
    reserve_for=timedelta(days=7),
)
KNOWN = fraud.History(0, 0, Decimal(0), NOW - timedelta(days=30))
INTENTS = (
    *("requires_payment_method", "requires_confirmation", "requires_action", "processing"),
    *("succeeded", "canceled"),
)


def dollars(amount: str) -> Money:
    return Money.parse(amount, "USD")


def refusal(money: Money, *, method: str = "CARD", terms: Any = TERMS, **changes: Any) -> str | None:
    try:
        fraud.check(money=money, method=method, terms=terms, history=replace(KNOWN, **changes), now=NOW)
    except DomainError as refused:
        return refused.code
    return None


@pytest.mark.parametrize(
    ("money", "changes", "code"),
    [
        (dollars("100"), {}, None),
        (dollars("4.99"), {}, "top_up_amount_outside"),
        (dollars("500.01"), {}, "top_up_amount_outside"),
        (dollars("100"), {"method": "WECHAT_PAY"}, "top_up_not_offered"),
        (dollars("100"), {"terms": None}, "top_up_not_offered"),
        (Money.parse("100", "XTS"), {}, "top_up_not_offered"),
        (dollars("100"), {"hour_count": 10}, "too_many_top_ups"),
        (dollars("100"), {"day_count": 30}, "too_many_top_ups"),
        (dollars("100"), {"day_sum": Decimal(900)}, None),
        (dollars("100"), {"day_sum": Decimal("900.01")}, "too_many_top_ups"),
        (dollars("500"), {"elsewhere": [fraud.Used(Decimal(350), Decimal(700), Decimal(140))]}, None),
        (
            dollars("500"),
            {"elsewhere": [fraud.Used(Decimal(351), Decimal(700), Decimal(140))]},
            "too_many_top_ups",
        ),
        (
            dollars("5"),
            {"elsewhere": [fraud.Used(Decimal(999), Decimal(700), Decimal(140))]},
            "too_many_top_ups",
        ),
        (dollars("200"), {"first_paid_at": None}, None),
        (dollars("201"), {"first_paid_at": NOW - timedelta(days=6)}, "too_many_top_ups"),
        (dollars("201"), {"first_paid_at": NOW - timedelta(days=7)}, None),
    ],
)
def test_a_payment_is_refused_for_one_reason(money: Money, changes: dict[str, Any], code: str | None) -> None:
    assert refusal(money, **changes) == code


@pytest.mark.parametrize(
    ("risk", "first_paid_at", "kept"),
    [
        ("normal", NOW - timedelta(days=30), "0"),
        ("normal", None, "10"),
        ("elevated", NOW - timedelta(days=30), "50"),
        ("highest", None, "50"),
    ],
)
def test_what_is_kept_back_follows_risk_and_age(risk: str, first_paid_at: Any, kept: str) -> None:
    found = fraud.reckon_reserve(
        money=dollars("100"), risk_level=risk, first_paid_at=first_paid_at, terms=TERMS, now=NOW
    )

    assert found == dollars(kept)


@given(
    statuses=st.lists(st.sampled_from(INTENTS), max_size=6),
    origin=st.sampled_from(["CHECKOUT", "RECHARGE"]),
)
@settings(max_examples=200)
def test_what_is_paid_once_stays_paid(statuses: list[str], origin: str) -> None:
    state = "CREATED"
    for number, status in enumerate(statuses):
        payment = Payment(f"pi_{number}", status, Decimal(1), "USD")
        state = payments.decide(state=state, origin=origin, payment=payment)

        assert (state == "PAID") == ("succeeded" in statuses[: number + 1])


def test_a_person_may_try_again_and_an_automatic_payment_may_not() -> None:
    declined = Payment("pi_1", "requires_payment_method", Decimal(0), "USD")

    assert payments.decide(state="OPEN", origin="CHECKOUT", payment=declined) == "OPEN"
    assert payments.decide(state="OPEN", origin="RECHARGE", payment=declined) == "FAILED"


@given(st.permutations(["pending", "succeeded", "failed", "requires_action"]))
def test_a_refund_ends_the_same_in_any_order(statuses: list[str]) -> None:
    state = "REQUESTED"
    for status in statuses:
        state = refunds.decide(state=state, status=status)

    assert state == "FAILED"


@given(st.permutations(["warning_needs_response", "needs_response", "under_review"]))
def test_a_dispute_never_closes_again_before_its_end(statuses: list[str]) -> None:
    state = None
    for status in statuses:
        state = disputes.decide(state=state, status=status)

    assert state == "OPEN"
    assert disputes.decide(state=disputes.decide(state=state, status="lost"), status="won") == "LOST"


def moved(amount: str, fee: str, *, currency: str = "USD") -> Movement:
    return Movement(
        *("txn_1", "charge", "charge", "ch_1", currency, Decimal(amount), Decimal(fee)),
        *(Decimal(amount) - Decimal(fee), "", NOW, NOW, {}),
    )


def test_a_movement_in_the_payers_currency_books_the_fee() -> None:
    subject = movements.Subject("STRIPE_PENDING", None, "USD", Decimal(100))

    lines = movements.reckon_lines(movement=moved("100", "3.20"), subject=subject)

    assert lines == [
        ("STRIPE_PENDING", None, "USD", Decimal("-3.20")),
        ("STRIPE_FEE", None, "USD", Decimal("3.20")),
    ]


@given(
    amount=st.decimals("-9999", "9999", places=2).filter(bool),
    fee=st.decimals("0", "50", places=2),
    paid=st.decimals("0.01", "99999", places=2),
    currency=st.sampled_from(["USD", "CNY"]),
)
def test_every_movement_balances_in_each_currency(
    amount: Decimal, fee: Decimal, paid: Decimal, currency: str
) -> None:
    subject = movements.Subject("REFUND_IN_TRANSIT", 7, currency, paid)

    lines = movements.reckon_lines(movement=moved(str(amount), str(fee)), subject=subject)

    for code in ("USD", "CNY"):
        assert sum((line[3] for line in lines if line[2] == code), Decimal(0)) == 0
    stripe = sum(line[3] for line in lines if line[0] == "STRIPE_PENDING")
    assert stripe == amount - fee


RULE = recharge.Rule("USD", Decimal(20), Decimal(50), Decimal(100), Decimal(300))


@pytest.mark.parametrize(
    ("available", "day", "month", "verdict"),
    [
        ("20", "0", "0", "WAIT"),
        ("19.99", "50", "250", "PAY"),
        ("19.99", "51", "51", "CAP"),
        ("19.99", "0", "251", "CAP"),
    ],
)
def test_a_wallet_is_filled_below_its_threshold_within_caps(
    available: str, day: str, month: str, verdict: str
) -> None:
    found = recharge.decide(
        rule=RULE, available=Decimal(available), day_sum=Decimal(day), month_sum=Decimal(month)
    )

    assert found == verdict


@pytest.mark.parametrize(
    ("failures", "is_paid", "failure", "expected"),
    [
        (2, True, "", ("ACTIVE", "", 0)),
        (0, False, "authentication_required", ("PAUSED", "AUTHENTICATION", 1)),
        (1, False, "card_declined", ("ACTIVE", "", 2)),
        (2, False, "card_declined", ("PAUSED", "DECLINED", 3)),
    ],
)
def test_what_only_a_person_can_mend_is_paused(
    failures: int, is_paid: bool, failure: str, expected: tuple[str, str, int]
) -> None:
    assert outcomes.decide(state="ACTIVE", failures=failures, is_paid=is_paid, failure=failure) == expected

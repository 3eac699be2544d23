"""How many payments are contested: the metric and the operators' page say what the rows say."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from prometheus_client import CollectorRegistry

from accounts import people
from accounts.models import Organization, User
from billing.models import StripeDispute, StripeTopUp
from billing.stripe import activity
from billing.stripe.activity import Activity
from config.books import Books
from tests.databases import Database
from tests.signing_in import sign_in_operator
from tests.stripe import scene

JULY = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("payments", "disputes", "level", "share"),
    [
        (0, 0, "good", "0"),
        (1000, 5, "good", "0.5"),
        (1000, 6, "warn", "0.6"),
        (400, 3, "warn", "0.75"),
        (1000, 8, "bad", "0.8"),
        # Two disputes of a young month are no rate yet.
        (10, 2, "good", "20"),
        # What is contested of earlier months counts where nothing was paid too.
        (0, 3, "bad", "100"),
    ],
)
def test_a_month_is_judged_as_card_schemes_do(payments: int, disputes: int, level: str, share: str) -> None:
    month = Activity(JULY, payments, disputes)

    assert (month.level, month.share) == (level, Decimal(share))


def test_months_are_those_of_utc() -> None:
    months = activity.list_months(now=datetime(2026, 2, 1, 0, 30, tzinfo=UTC), count=3)

    assert [f"{month:%Y-%m-%d %H}" for month in months] == ["2026-02-01 00", "2026-01-01 00", "2025-12-01 00"]


def contest(number: int, at: datetime, state: str = "OPEN", amount: str = "10") -> None:
    """Somebody's bank contests a payment of theirs."""
    ended = {} if state in ("OPEN", "INQUIRY") else {"ended_at": at}
    StripeDispute.objects.create(
        id=f"du_{number}",
        top_up=StripeTopUp.objects.get(charge_id=f"ch_{number}"),
        amount=Decimal(amount),
        reason="fraudulent",
        status="needs_response",
        state=state,
        opened_at=at,
        **ended,
    )


@pytest.mark.sql
def test_metric_and_page_say_what_the_rows_say(lab: Organization, db: Database) -> None:
    this, last = activity.list_months(now=timezone.now(), count=2)
    earlier = last - timedelta(days=1)
    # Paid: two in dollars and one in euros this month, one last month, one before.
    for number, (currency, at) in enumerate(
        [("USD", this), ("USD", this), ("EUR", this), ("USD", last), ("USD", earlier)]
    ):
        scene.pay(lab, "100", currency=currency, number=number, now=at)
    # Contested this month: three, one of them paid long ago; an inquiry is none. Last month: one.
    contest(0, this)
    contest(2, this, amount="25")
    contest(4, this, amount="100")
    contest(1, this, "INQUIRY")
    contest(3, this - timedelta(seconds=1))
    registry = CollectorRegistry()
    registry.register(Books(db.dsn, seconds=0))

    def told(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"jouleport_{name}", labels)

    assert [told("card_payments", month=name) for name in ("this", "last")] == [3, 1]
    assert [told("disputes", month=name) for name in ("this", "last")] == [3, 1]
    assert [told("disputes_ratio", month=name) for name in ("this", "last")] == [1, 1]
    assert told("disputes_volume_ratio", month="this", currency="USD") == 0.55
    assert told("disputes_volume_ratio", month="this", currency="EUR") == 0.25

    operator = User.objects.create_superuser("staff@jouleport.example", "unused and long")
    people.vouch_for_address(user=operator)
    page = sign_in_operator(operator).get("/operator/").content.decode()
    rows = re.findall(r"<th scope=\"row\">(\d{4}-\d\d)</th>(.*?)</tr>", page)
    shown = {month: re.findall(r"<td class=\"num\">([^<]*)</td>", cells) for month, cells in rows}

    assert shown[f"{this:%Y-%m}"] == ["3", "3", "100.00 %"]
    assert shown[f"{last:%Y-%m}"] == ["1", "1", "100.00 %"]
    assert "badge-bad" in dict(rows)[f"{this:%Y-%m}"]
    assert "110.00 / 200.00 USD (55.00 %)" in dict(rows)[f"{this:%Y-%m}"]
    assert "badge-good" in dict(rows)[f"{last:%Y-%m}"]

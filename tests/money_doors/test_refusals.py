"""
Bad input at the doors where money is moved: each is refused with its reason, and the books are unmoved.

Each case goes through the door that a person or a program uses: REST, a page, Stripe's webhook, the admin.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import stripe
from django.conf import settings
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Organization, Role, User
from billing import wallets
from billing.models import ChainAddress
from tests.api.conftest import make_user, sign_in, use_second_factor
from tests.banking.conftest import make_counter
from tests.banking.files import Sheet, write
from tests.databases import Database
from tests.fx import exchanging as ex
from tests.rails.orders import ALICE, DETAILS
from tests.settlement.settling import earn
from tests.signing_in import sign_in_operator

pytestmark = pytest.mark.usefixtures("redis_url")


@dataclass(frozen=True, slots=True)
class House:
    """A buyer with 100 dollars, who is owed 12 more, and an operator; `patch` bends what a case needs."""

    db: Database
    lab: Organization
    owner: APIClient
    operator: APIClient
    patch: pytest.MonkeyPatch

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """What the buyer's program sends."""
        return self.owner.post(path, body, format="json", headers=headers)

    def quote(self) -> str:
        """Where a dollar is sold for yuan."""
        made = self.post("/api/fx/quotes", {"sell": "USD", "buy": "CNY"}).json()
        return f"/api/fx/quotes/{made['uid']}/convert"

    def read_books(self) -> list[tuple[Any, ...]]:
        """Every entry, every balance, and what of wallets is held."""
        with self.db.connect() as app:
            return [
                *app.execute("SELECT id, key FROM entry ORDER BY id").fetchall(),
                *app.execute("SELECT account_id, posted, held FROM scope ORDER BY id").fetchall(),
                *app.execute("SELECT state, count(*) FROM stripe_top_up GROUP BY state").fetchall(),
            ]


@pytest.fixture
def house(db: Database, lab: Organization, monkeypatch: pytest.MonkeyPatch) -> House:
    """The house as each case finds it."""
    # Nobody answers there: what is refused is refused before anybody is asked.
    monkeypatch.setattr(settings, "STRIPE_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(settings, "STRIPE_WEBHOOK_SECRETS", ["whsec_ours"])
    ex.say("USD", "CNY", "7.1", as_of=timezone.now() - ex.HOUR)
    ex.pay_in(lab, "100", "USD")
    earn(lab, "12")
    owner = sign_in(make_user(lab, Role.OWNER, "olive"))
    boss = User.objects.create_superuser("ann@ops.example", "a long password")
    return House(db, lab, owner, use_second_factor(boss), monkeypatch)


def sign_wrongly(house: House) -> Any:
    body = json.dumps(
        {"id": "evt_1", "type": "payment_intent.succeeded", "created": 1, "data": {"object": {}}}
    )
    header = stripe.WebhookSignature.generate_signature_header(body, "whsec_of_somebody")
    return Client(SERVER_NAME="localhost").post(
        "/api/stripe/webhook", body, content_type="application/json", headers={"Stripe-Signature": header}
    )


def pay_in_no_such_currency(house: House) -> Any:
    return house.post("/api/top-ups", {"amount": "20", "currency": "CNH"})


def pay_in_test_money(house: House) -> Any:
    return house.post("/api/top-ups", {"amount": "20", "currency": "XTS"})


def pay_in_too_little(house: House) -> Any:
    return house.post("/api/top-ups", {"amount": "0.10", "currency": "USD"})


def pay_into_a_closed_wallet(house: House) -> Any:
    address = house.quote()
    wallet = wallets.open_wallet(organization_id=house.lab.pk, currency="CNY")
    with psycopg.connect(house.db.owner_dsn) as owner:
        owner.execute("UPDATE ledger_account SET closed_at = now() WHERE id = %s", [wallet.account_id])
    return house.post(address, {"sell": "10"})


def take_a_quote_too_late(house: House) -> Any:
    address = house.quote()
    later = timezone.now() + timedelta(hours=1)
    house.patch.setattr("billing.api.fx.timezone", SimpleNamespace(now=lambda: later))
    return house.post(address, {"sell": "10"})


def repeat_with_another_body(house: House) -> Any:
    body = {"rail": "bank_file", "currency": "EUR", "country": "DE", "details": DETAILS["DE"]}
    first = house.post("/api/payout-methods", body, **{"Idempotency-Key": "one"})
    assert first.status_code == 201
    thief = DETAILS["DE"] | {"iban": "DE02120300000000202051"}
    return house.post("/api/payout-methods", body | {"details": thief}, **{"Idempotency-Key": "one"})


def name_a_bad_iban(house: House) -> Any:
    wrong = DETAILS["DE"] | {"iban": "DE88370400440532013000"}
    body = {"rail": "bank_file", "currency": "EUR", "country": "DE", "details": wrong}
    return house.post("/api/payout-methods", body)


def name_a_bad_address(house: House) -> Any:
    wrong = {"name": "Alice", "address": ALICE.swapcase()}
    body = {"rail": "usdc", "currency": "USDC", "country": "SE", "details": wrong}
    return house.post("/api/payout-methods", body)


def approve_what_was_changed(house: House) -> Any:
    made = house.operator.post("/api/operator/settlements", {"currency": "USD"}, format="json").json()
    address = f"/api/operator/settlements/{made['uid']}"
    house.operator.post(f"{address}/submit")
    other = use_second_factor(User.objects.create_superuser("bob@ops.example", "a long password"))
    return other.post(f"{address}/approve", {"sha256": "0" * 64}, format="json")


CASES: tuple[tuple[Callable[[House], Any], int, str, str], ...] = (
    (sign_wrongly, 400, "bad_signature", "not signed"),
    (pay_in_no_such_currency, 422, "top_up_not_offered", "CNH cannot be paid"),
    (pay_in_test_money, 422, "top_up_not_offered", "XTS cannot be paid"),
    (pay_in_too_little, 422, "top_up_amount_outside", "One payment is 5 to"),
    (pay_into_a_closed_wallet, 409, "account_closed", "closed"),
    (take_a_quote_too_late, 409, "quote_expired", "expired"),
    (repeat_with_another_body, 422, "idempotency_key_reused", "another request"),
    (name_a_bad_iban, 422, "detail_refused", "IBAN"),
    (name_a_bad_address, 422, "detail_refused", "checksum"),
    (approve_what_was_changed, 409, "content_changed", "changed"),
)


@pytest.mark.parametrize(
    ("act", "status", "code", "words"), CASES, ids=lambda one: getattr(one, "__name__", None)
)
def test_it_is_refused_with_its_reason(
    house: House, act: Callable[[House], Any], status: int, code: str, words: str
) -> None:
    before = house.read_books()

    answer = act(house)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert words in problem["detail"], problem
    after = house.read_books()
    # An account that was opened for the case may be there, with nothing in it.
    assert [row for row in after if row not in before and row[1:] != (0, 0)] == []
    assert [row for row in before if row not in after] == []


def test_files_with_a_bad_iban_or_address_are_refused_whole(house: House) -> None:
    make_counter()
    before = house.read_books()
    operator = sign_in_operator(User.objects.get(email="ann@ops.example"))
    sheet = Sheet(account="DE88370400440532013000")

    taken = house.operator.post("/api/operator/bank-statements", write(sheet), content_type="application/xml")
    page = operator.post("/admin/billing/chainaddress/more/", {"addresses": f"{ALICE}\n{ALICE.lower()}"})

    assert (taken.json()["state"], "no account …3000" in taken.json()["refusal"]) == ("REFUSED", True)
    assert "no address with a right checksum" in page.content.decode()
    assert not ChainAddress.objects.exists()
    assert house.read_books() == before

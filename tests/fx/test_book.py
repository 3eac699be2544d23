"""Operators' FX book, organizations' own exchange over REST, and books of several entities."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Organization, Role, User
from billing import ledger, trial_balance, verification
from billing.fx import positions
from billing.models import Entry, FxRate, LedgerAccount, OrganizationEntity, SwapLine
from billing.trial_balance import BETWEEN_ENTITIES
from core.errors import Invalid
from tests.api.conftest import make_user, sign_in
from tests.fx import exchanging as ex
from tests.signing_in import sign_in_operator

BOOK = "/admin/billing/fxposition/book/"
LISTS = ("fxposition", "fxrate", "fxquote", "fxconversion", "fxlimit", "swapline")


@pytest.fixture
def operator(lab: Organization) -> Client:
    """The browser of a signed-in operator."""
    return sign_in_operator(User.objects.create_superuser("operator@example.org", "a long password"))


def test_the_book_does_what_its_forms_say_and_shows_what_follows(operator: Client) -> None:
    def do(deed: str, **values: str) -> str:
        sent = {f"{deed}-{name}": value for name, value in values.items()}
        return operator.post(BOOK, {"deed": deed, **sent}, follow=True).content.decode()

    do("rate", unit="USD", rate="8", currency="CNH")
    do("rate", unit="EUR", rate="1.1", currency="USD", as_of="2026-01-31 12:00")
    do("limit", currency="CNH", amount="10")
    do("spread", base="USD", quote="CNH", spread_bps="")
    do("trade", sold="10", sold_currency="USD", bought="80", bought_currency="CNH", reference="T1")
    do("line", counterparty="Bank", currency="CNH", ceiling="100")
    do("draw", line=str(SwapLine.objects.get().pk), amount="30", reference="D1")
    ex.number_entries()
    positions.follow_ledger()
    page = operator.get(BOOK).content.decode()
    refused = do("trade", sold="1", sold_currency="USD", bought="1", bought_currency="USD", reference="T2")

    assert "80.000000000" in page
    assert "exceeded" in page
    assert page.count('class="fx-chart"') == 3
    assert "800.0 %" in page
    assert "<td>0.125</td>" in page
    assert "30.000000000" in page
    assert "A trade is an amount of one currency for an amount of another." in refused
    late, now = FxRate.objects.order_by("as_of")
    assert (late.unit, late.as_of, now.unit) == ("EUR", datetime(2026, 1, 31, 12, tzinfo=UTC), "USD")
    assert now.noted_by.startswith("user:")
    assert Entry.objects.filter(kind__in=("FX_TRADE", "SWAP")).count() == 2
    assert [operator.get(f"/admin/billing/{name}/").status_code for name in LISTS] == [200] * len(LISTS)
    assert verification.verify() == []


def test_an_organization_asks_for_a_quote_and_exchanges_once(lab: Organization) -> None:
    now = timezone.now()
    ex.say("USD", "CNH", "8", as_of=now)
    ex.pay_in(lab, "100", "USD")
    client = sign_in(make_user(lab, Role.OWNER, "owner"))
    own: Any = {"HTTP_X_JOULEPORT_ORGANIZATION": str(lab.uid)}

    quote = client.post("/api/fx/quotes", {"sell": "USD", "buy": "CNH"}, format="json", **own)
    address = f"/api/fx/quotes/{quote.json()['uid']}/convert"
    both = client.post(address, {"sell": "1", "buy": "1"}, format="json", **own)
    keyed: Any = {**own, "HTTP_IDEMPOTENCY_KEY": "once"}
    done = client.post(address, {"sell": "10.05"}, format="json", **keyed)
    again = client.post(address, {"sell": "10.05"}, format="json", **keyed)
    other = client.post(address, {"sell": "2"}, format="json", **own)

    assert (quote.status_code, quote.json()["mid"], quote.json()["rate"]) == (201, "0.125", "0.125625")
    assert both.status_code == 422
    assert (done.status_code, done.json()["bought"], done.json()["spread"]) == (201, "80", "0.05")
    assert again.content == done.content
    assert (other.status_code, other.json()["code"]) == (409, "quote_used")
    assert Entry.objects.filter(kind="FX_CONVERSION").count() == 1


def test_accounts_are_in_the_books_of_the_entity_that_an_organization_deals_with(
    lab: Organization, fund: Organization
) -> None:
    OrganizationEntity.objects.create(organization=lab, entity_id="HAINAN")
    ex.pay_in(lab, "10", "CNY")
    ex.pay_in(fund, "5", "CNY")
    codes = dict(LedgerAccount.objects.values_list("code", "entity"))
    own = ledger.open_account(purpose="CLEARING_BANK", currency="CNY", entity="HAINAN")

    [hainan], [hong_kong], [whole] = (
        trial_balance.read_trial_balances(entity=entity) for entity in ("HAINAN", "HK", None)
    )

    assert codes == {
        "asset:clearing_bank:CNY": "HK",
        f"liability:wallet:hainan:{lab.pk}:CNY": "HAINAN",
        f"liability:wallet:{fund.pk}:CNY": "HK",
    }
    assert LedgerAccount.objects.get(pk=own).code == "asset:clearing_bank:hainan:CNY"
    assert [(one.account, one.debit) for one in hainan.lines if one.debit] == [
        (BETWEEN_ENTITIES, Decimal(10))
    ]
    assert [(one.account, one.credit) for one in hong_kong.lines if one.account == BETWEEN_ENTITIES] == [
        (BETWEEN_ENTITIES, Decimal(10))
    ]
    assert hainan.balances
    assert hong_kong.balances
    assert BETWEEN_ENTITIES not in [line.account for line in whole.lines]
    with pytest.raises(IntegrityError), transaction.atomic():
        OrganizationEntity.objects.create(organization=fund, entity_id="HAINAN")
    with pytest.raises(Invalid):
        ledger.open_account(purpose="WALLET", currency="CNY", entity="HAINAN")

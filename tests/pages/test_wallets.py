"""Wallets that are opened before there is money for them."""

from decimal import Decimal

import pytest
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEvent, Organization
from billing import ledger, wallet_opening, wallets
from billing.banking import accounts
from billing.wallet_opening import NotKept
from tests.cast import NOW
from tests.databases import Database
from tests.fx import exchanging
from tests.pages.conftest import make_person, open_browser


def test_a_wallet_is_opened_once_and_shows_where_to_transfer_to(
    db: Database, redis_url: str, lab: Organization
) -> None:
    accounts.open_account(
        currency="EUR",
        number="DE89370400440532013000",
        bank="Example Bank",
        holder="Jouleport",
        actor=audit.SYSTEM,
        now=NOW,
    )
    browser = open_browser(make_person("owner@lab.example", organization=lab))
    page = f"/console/{lab.uid}/wallet/"

    unknown = browser.post(page, {"currency": "XTS"})
    shown = [browser.post(page, {"currency": "EUR"}, follow=True).content.decode() for _ in range(2)]
    without = browser.post(page, {"currency": "SEK"}, follow=True).content.decode()

    assert unknown.status_code == 422
    assert all("DE89370400440532013000" in text and "JP-" in text for text in shown)
    assert "no bank account for SEK" in without
    assert [one.currency for one in wallets.list_wallets(organization_id=lab.pk)] == ["EUR", "SEK"]
    opened = AuditEvent.objects.filter(action="wallet.open").order_by("pk")
    assert [event.details["currency"] for event in opened] == ["EUR", "SEK"]


def test_the_page_says_how_long_a_wallet_lasts(db: Database, redis_url: str, lab: Organization) -> None:
    now = timezone.now()
    exchanging.pay_in(lab, "20", "USD")
    wallet = wallets.find_wallet(organization_id=lab.pk, currency="USD")
    fee = ledger.open_account(purpose="PLATFORM_FEE", currency="USD")
    reader = open_browser(make_person("owner@lab.example", organization=lab))
    before = reader.get(f"/console/{lab.uid}/wallet/USD/").content.decode()

    lines = {wallet.account_id: Decimal(5), fee: Decimal(-5)}
    ledger.post(key="test:charge", kind="CHARGE", actor="test", lines=lines, happened_at=now)
    page = reader.get(f"/console/{lab.uid}/wallet/USD/").content.decode()

    assert "Lasts about" not in before
    assert "Lasts about" in page
    assert "3 days" in page


def test_test_money_has_no_wallet_of_its_own_making(db: Database, lab: Organization) -> None:
    with pytest.raises(NotKept):
        wallet_opening.open_wallet(organization=lab, currency="XTS", actor=audit.SYSTEM, now=timezone.now())
    assert "XTS" not in wallet_opening.list_currencies(now=NOW)

"""Wallets are filled by themselves: once, within caps, and not when only a person can mend what is wrong."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from accounts import audit
from accounts.models import Membership, Organization, Role, User
from billing import verification
from billing.models import StripeRecharge, StripeTopUp
from billing.stripe import disputes, recharge
from tests.stripe import scene
from tests.stripe.bank import Bank
from tests.stripe.scene import available
from tests.stripe.test_stand_in import begin

pytestmark = pytest.mark.sql
RULE = recharge.Rule("USD", Decimal(20), Decimal(50), Decimal(100), Decimal(300))


def set_up(bank: Bank, organization: Organization, number: str = "4242424242424242") -> StripeRecharge:
    """A rule, and a payment of 15 dollars by a card that is kept."""
    row = recharge.set_rule(organization=organization, rule=RULE, actor=audit.SYSTEM, now=bank.now)
    assert (row.state, row.reason) == ("PAUSED", "CARD")
    top_up = begin(bank, organization, "15", saves_method=True)
    bank.control("pay", session=top_up.session_id, number=number, answer="agree")
    bank.tell(bank.list_events())
    row.refresh_from_db()
    assert (row.state, available(organization)) == ("ACTIVE", 15)
    return row


def fill(bank: Bank, *, later: timedelta = timedelta(0)) -> int:
    return recharge.recharge_wallets(asked=bank.client, now=bank.now + later)


def test_a_low_wallet_is_filled_once_and_within_caps(bank: Bank, lab: Organization) -> None:
    set_up(bank, lab)

    assert (fill(bank), fill(bank), available(lab)) == (1, 0, 65)
    scene.spend(lab, "60")
    assert (fill(bank), available(lab)) == (1, 55)
    scene.spend(lab, "50")

    assert (fill(bank), available(lab)) == (0, 5)
    assert StripeRecharge.objects.get().reason == "CAP"
    assert verification.verify() == []


def test_a_bank_that_asks_for_its_customer_pauses_it_and_the_owners_are_told(
    bank: Bank, lab: Organization, outbox: list[Any]
) -> None:
    owner = User.objects.create_user("owner@lab.example", "a long password")
    Membership.objects.create(organization=lab, user=owner, role=Role.OWNER)
    set_up(bank, lab, "4000002760003184")

    fill(bank)

    row = StripeRecharge.objects.get()
    assert (row.state, row.reason, available(lab)) == ("PAUSED", "AUTHENTICATION", 15)
    assert [mail.to for mail in outbox] == [["owner@lab.example"]]


def test_nothing_is_charged_without_a_person_while_a_payment_is_contested(
    bank: Bank, lab: Organization
) -> None:
    set_up(bank, lab)
    paid = StripeTopUp.objects.get()
    disputes.apply(top_up=paid, found=scene.contest(paid, "needs_response"), now=bank.now)
    assert (available(lab), fill(bank)) == (0, 0)
    assert StripeRecharge.objects.get().reason == "DISPUTE"

    disputes.apply(top_up=paid, found=scene.contest(paid, "lost"), now=bank.now)

    later = recharge.CONTESTED_FOR + timedelta(hours=1)
    assert (fill(bank), fill(bank, later=later)) == (0, 1)


def test_a_card_that_is_declined_is_tried_thrice(bank: Bank, lab: Organization) -> None:
    set_up(bank, lab)
    StripeRecharge.objects.update(payment_method_id="pm_card_chargeDeclined")

    tries = [fill(bank, later=timedelta(hours=hour)) for hour in (0, 0, 2, 2, 6, 12)]

    row = StripeRecharge.objects.get()
    assert tries == [1, 0, 1, 0, 1, 0]
    assert (row.state, row.reason, row.failures) == ("PAUSED", "DECLINED", 3)
    assert available(lab) == 15


def test_of_many_that_look_at_once_one_begins_a_payment(lab: Organization, now: datetime) -> None:
    recharge.set_rule(organization=lab, rule=RULE, actor=audit.SYSTEM, now=now)
    StripeRecharge.objects.update(state="ACTIVE", payment_method_id="pm_1")
    row = StripeRecharge.objects.get()

    def look(_: int) -> bool:
        try:
            return recharge.begin(recharge=row, now=now) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        begun = list(pool.map(look, range(4)))

    assert sum(begun) == 1
    assert StripeTopUp.objects.count() == 1

"""Test money: given away, spent by test keys at simulated nodes, and never near money."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import IntegrityError, connection

from accounts import audit, projects
from accounts.audit import Actor
from accounts.keys import IssuedKey
from accounts.models import ActorKind, AuditEvent, KeyMode, Organization, User
from billing import ledger, limits, spending_keys, verification, wallets, xts
from billing.limits import Kind, Period, Subject
from billing.models import Scope
from core.errors import Invalid
from core.money import Money
from tests.billing import exchange
from tests.billing.exchange import Buyer, Row, Seller

pytestmark = pytest.mark.sql


def dollars(text: str) -> Money:
    return Money.parse(text, "USD")


def verdicts(rows: list[Row]) -> list[str]:
    return [row["verdict"] for row in rows]


@pytest.fixture
def now() -> datetime:
    """The database's own time."""
    return datetime.now(UTC)


@pytest.fixture
def organization(lab: Buyer) -> Organization:
    """The lab as the services know it."""
    return Organization.objects.get(pk=lab.organization_id)


def test_a_test_key_finds_a_full_wallet_in_test_money(organization: Organization, now: datetime) -> None:
    first, second = (issue_test_key(organization, now) for _ in range(2))

    wallet = wallets.find_wallet(organization_id=organization.pk, currency="XTS")
    assert wallet.posted == xts.FULL
    assert first.text.startswith("jp_test_")
    assert first.text != second.text
    filled = AuditEvent.objects.filter(action="test_money.fill")
    assert filled.count() == 1
    assert verification.verify() == []


def issue_test_key(organization: Organization, now: datetime, **options: Any) -> IssuedKey:
    return spending_keys.issue_key(
        organization=organization, name="trial", mode=KeyMode.TEST, actor=audit.SYSTEM, now=now, **options
    )


def make_test_seller(app: psycopg.Connection[Any]) -> Seller:
    return exchange.make_seller(app, "Trial Farm", currency="XTS", simulated=True)


def test_test_keys_spend_test_money_and_other_keys_money(
    app: psycopg.Connection[Any],
    lab: Buyer,
    farm: Seller,
    organization: Organization,
    now: datetime,
) -> None:
    trial_farm = make_test_seller(app)
    issued = issue_test_key(organization, now)
    trial = Buyer(lab.organization_id, issued.key.pk, lab.wallet_id, lab.account_id)

    rows = exchange.admit_items(app, [(lab, farm), (trial, trial_farm), (trial, farm), (lab, trial_farm)])

    assert verdicts(rows) == ["ok", "ok", "wrong_mode", "wrong_mode"]
    exchange.record_items(app, [rows[0]["attempt_id"], rows[1]["attempt_id"]])
    exchange.post_charges(app)
    real, test = (
        wallets.find_wallet(organization_id=organization.pk, currency=code) for code in ("USD", "XTS")
    )
    assert (real.posted, test.posted) == (dollars("9.8"), xts.FULL - Money.parse("0.2", "XTS"))
    refilled = xts.fill_wallet(organization=organization, actor=audit.SYSTEM, now=now)
    assert refilled.posted == xts.FULL
    assert verification.verify() == []


def test_a_limit_of_test_money_limits_test_keys_and_a_real_one_does_not(
    app: psycopg.Connection[Any],
    lab: Buyer,
    organization: Organization,
    now: datetime,
) -> None:
    trial_farm = make_test_seller(app)
    project = projects.create_project(organization=organization, name="night", actor=audit.SYSTEM, now=now)
    limits.set_limit(
        organization=organization,
        subject=Subject(Kind.PROJECT, project.pk, project.uid, "night"),
        period=Period.MONTHLY,
        ceiling=dollars("0"),
        actor=audit.SYSTEM,
        now=now,
    )
    issued = issue_test_key(
        organization, now, project=project, ceiling=Money.parse("2", "XTS"), period=Period.DAILY
    )
    trial = Buyer(lab.organization_id, issued.key.pk, lab.wallet_id, lab.account_id)

    rows = exchange.admit_items(app, [(trial, trial_farm)] * 2)

    assert verdicts(rows) == ["ok", "key_limit_exceeded"]
    assert Scope.objects.filter(currency="XTS").count() == 2
    with pytest.raises(limits.InvalidLimit):
        issue_test_key(organization, now, ceiling=dollars("2"))


@pytest.mark.parametrize(("currency", "simulated"), [("XTS", False), ("USD", True)])
def test_the_database_keeps_simulated_nodes_and_money_apart(
    app: psycopg.Connection[Any], currency: str, simulated: bool
) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation):
        exchange.make_seller(app, "Trial Farm", currency=currency, simulated=simulated)


def test_a_node_stays_what_it_was_registered_as(owner: psycopg.Connection[Any], farm: Seller) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation):
        owner.execute("UPDATE node SET simulated = true")


def test_test_money_cannot_be_farmed(organization: Organization, now: datetime) -> None:
    person = Actor(ActorKind.USER, uuid4(), User(uid=uuid4()))
    for number in range(5):
        wallet = xts.fill_wallet(organization=organization, actor=person, now=now)
        source = ledger.open_account(purpose="TEST_MONEY", currency="XTS")
        lines = {wallet.account_id: Decimal(1000), source: -Decimal(1000)}
        ledger.post(key=f"spent:{number}", kind="TEST_MONEY", actor="test", lines=lines, happened_at=now)

    with pytest.raises(xts.TooMuchTestMoney):
        xts.fill_wallet(organization=organization, actor=person, now=now)

    # The person's own share lasts for one more organization, and not for a third.
    for share in (Decimal(5000), Decimal(1)):
        holders = [f"organization:{uuid4()}", f"person:{person.user.uid if person.user else ''}"]
        with connection.cursor() as cursor, pytest.raises(IntegrityError) if share == 1 else nullcontext():
            cursor.execute("SELECT count_test_money_v1(%s, %s, %s)", [holders, now.date(), share])
    tomorrow = now + timedelta(days=1)
    assert xts.fill_wallet(organization=organization, actor=person, now=tomorrow).posted == xts.FULL
    assert verification.verify() == []


def test_nothing_of_test_money_becomes_money(organization: Organization, now: datetime) -> None:
    wallet = xts.fill_wallet(organization=organization, actor=audit.SYSTEM, now=now)
    real = wallets.open_wallet(organization_id=organization.pk, currency="USD")

    with pytest.raises(ledger.Unbalanced):
        ledger.post(
            key="farm",
            kind="FX_CONVERSION",
            actor="test",
            lines={wallet.account_id: Decimal(1), real.account_id: -Decimal(1)},
            happened_at=now,
        )
    for purpose in ("FX_POSITION", "CLEARING_BANK", "CLEARING_STRIPE", "PAYOUT_IN_TRANSIT"):
        with pytest.raises(Invalid):
            ledger.open_account(purpose=purpose, currency="XTS")

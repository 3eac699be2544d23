"""
Test money: XTS, the code that ISO 4217 reserves for testing.

Test keys spend it at simulated upstreams. It is given away up to a bound (1,000 at a time; 5,000 a day to an
organization, 10,000 a day to a person in all of theirs: the database refuses more; who may begin with it at
all, `billing.free_starts` decides), kept in the same ledger as money (every entry balances in each currency,
so the two cannot mix) and never paid out.
"""

from datetime import UTC, datetime
from decimal import Decimal

from django.db import IntegrityError, connection, transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import ledger, wallets
from billing.free_starts import starts
from billing.models import FreeStart
from billing.wallets import Wallet
from core import ids
from core.errors import DomainError
from core.money import TEST_CURRENCY, Money

FULL = Money(Decimal(1000), TEST_CURRENCY)
BOUND = "test_money_given_bound"


class TooMuchTestMoney(DomainError):
    """More than is given away in a day."""

    status = 429
    code = "too_much_test_money"
    message = "No more test money is given away today. There is more tomorrow (UTC)."


def fill_wallet(*, organization: Organization, actor: Actor, now: datetime) -> Wallet:
    """
    Fill an organization's test wallet to FULL, opening it if need be; gives the wallet.

    :raises TooMuchTestMoney: if the organization, or the person, had their share of the day
    :raises billing.free_starts.starts.StartRefused: if it is the first time, and its maker, network or card
        has begun with too many organizations
    """
    with transaction.atomic():
        # Of two that fill at once, the second finds it full.
        Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
        wallet = wallets.open_wallet(organization_id=organization.pk, currency=TEST_CURRENCY)
        missing = FULL - wallet.posted
        if missing <= Money.zero(TEST_CURRENCY):
            return wallet
        starts.ensure_started(organization=organization, actor=actor, now=now)
        _count(organization, actor, missing, now)
        _give(organization, wallet, missing, actor, now)
    return wallets.find_wallet(organization_id=organization.pk, currency=TEST_CURRENCY)


def start_by_hand(*, organization: Organization, reason: str, actor: Actor, now: datetime) -> FreeStart:
    """
    An operator lets an organization begin with test money whose marks are too many; its wallet is filled.

    :raises billing.free_starts.starts.ReasonNeeded: if no reason is given
    :raises billing.free_starts.starts.AlreadyStarted: if it has begun
    """
    with transaction.atomic():
        Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
        made = starts.start_by_hand(organization=organization, reason=reason, actor=actor, now=now)
        wallet = wallets.open_wallet(organization_id=organization.pk, currency=TEST_CURRENCY)
        missing = FULL - wallet.posted
        if missing > Money.zero(TEST_CURRENCY):
            _give(organization, wallet, missing, actor, now)
    return made


def _give(organization: Organization, wallet: Wallet, missing: Money, actor: Actor, now: datetime) -> None:
    source = ledger.open_account(purpose="TEST_MONEY", currency=TEST_CURRENCY)
    ledger.post(
        key=f"test_money:{ids.make_uid()}",
        kind="TEST_MONEY",
        actor=f"{actor.kind.lower()}:{actor.uid}" if actor.uid else "system:xts",
        lines={source: missing.amount, wallet.account_id: -missing.amount},
        happened_at=now,
    )
    audit.record_event(
        actor=actor,
        action="test_money.fill",
        subject_kind="organization",
        subject_uid=organization.uid,
        organization=organization,
        now=now,
        details={"amount": missing.literal},
    )


def _count(organization: Organization, actor: Actor, missing: Money, now: datetime) -> None:
    holders = [f"organization:{organization.uid}"]
    if actor.user is not None:
        holders.append(f"person:{actor.user.uid}")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT count_test_money_v1(%s, %s, %s)",
                [holders, now.astimezone(UTC).date(), missing.amount],
            )
    except IntegrityError as error:
        if BOUND not in str(error):
            raise
        raise TooMuchTestMoney from error

"""Payments as Stripe would tell of them, without Stripe: facts, and what follows from them."""

from datetime import datetime, timedelta
from decimal import Decimal

from accounts import audit
from accounts.models import Organization
from billing import ledger, wallets
from billing.models import StripeTopUp, TopUpMethod
from billing.stripe import movements, payments, top_ups
from billing.stripe.facts import DisputeFacts, Movement, Payment
from core.money import Money
from tests.cast import NOW

Amount = Decimal | int
"""What whole numbers are compared with too."""


def ask(
    organization: Organization,
    amount: str,
    *,
    currency: str = "USD",
    now: datetime = NOW,
    saves_method: bool = False,
) -> StripeTopUp:
    """Somebody wants to pay."""
    wish = top_ups.Wish(Money.parse(amount, currency), TopUpMethod.CARD, saves_method=saves_method)
    return top_ups.request(organization=organization, wish=wish, actor=audit.SYSTEM, now=now)


def pay(
    organization: Organization,
    amount: str,
    *,
    currency: str = "USD",
    number: int = 1,
    risk_level: str = "normal",
    now: datetime = NOW,
) -> StripeTopUp:
    """Somebody has paid: `pi_<number>` by the charge `ch_<number>`."""
    asked = ask(organization, amount, currency=currency, now=now)
    return payments.apply(top_up=asked, payment=paid(asked, number=number, risk_level=risk_level), now=now)


def paid(top_up: StripeTopUp, *, number: int = 1, risk_level: str = "normal") -> Payment:
    """What Stripe says of a payment that succeeded."""
    return Payment(
        f"pi_{number}",
        "succeeded",
        top_up.amount,
        top_up.currency,
        top_up_uid=str(top_up.uid),
        charge_id=f"ch_{number}",
        risk_level=risk_level,
    )


def move(
    category: str, source: str, amount: str, fee: str = "0", *, currency: str = "USD", number: int = 1
) -> Movement:
    """A movement of our account at Stripe."""
    return Movement(
        id=f"txn_{number}",
        type=category,
        category=category,
        source=source,
        currency=currency,
        amount=Decimal(amount),
        fee=Decimal(fee),
        net=Decimal(amount) - Decimal(fee),
        exchange_rate="",
        happened_at=NOW,
        available_at=NOW + timedelta(days=2),
        raw={"id": f"txn_{number}"},
    )


def book_charge(
    top_up: StripeTopUp, amount: str, fee: str, *, currency: str = "USD", number: int = 1
) -> Movement:
    """What a payment cost is told."""
    movement = move("charge", str(top_up.charge_id), amount, fee, currency=currency, number=number)
    subject = movements.Subject("STRIPE_PENDING", None, top_up.currency, top_up.amount)
    movements.write(movement=movement, subject=subject, now=NOW)
    return movement


def contest(top_up: StripeTopUp, status: str, *, amount: str | None = None) -> DisputeFacts:
    """What Stripe says of a dispute about a payment."""
    return DisputeFacts(
        id="dp_1",
        status=status,
        charge_id=str(top_up.charge_id),
        intent_id=top_up.payment_intent_id,
        amount=top_up.amount if amount is None else Decimal(amount),
        currency=top_up.currency,
        reason="fraudulent",
        opened_at=NOW,
    )


def balance(purpose: str, currency: str = "USD", organization: Organization | None = None) -> Amount:
    """The balance of an account."""
    owner = organization.pk if organization else None
    return ledger.balance(
        account_id=ledger.open_account(purpose=purpose, currency=currency, organization_id=owner)
    )


def available(organization: Organization, currency: str = "USD") -> Amount:
    """What a wallet may still spend."""
    return wallets.find_wallet(organization_id=organization.pk, currency=currency).available.amount


def spend(organization: Organization, amount: str, currency: str = "USD") -> None:
    """Use some of a wallet."""
    wallet = wallets.find_wallet(organization_id=organization.pk, currency=currency)
    fee = ledger.open_account(purpose="PLATFORM_FEE", currency=currency)
    ledger.post(
        key=f"test:spend:{amount}",
        kind="CAPITAL",
        actor="test",
        lines={wallet.account_id: Decimal(amount), fee: -Decimal(amount)},
        happened_at=NOW,
    )

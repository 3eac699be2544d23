"""How the demo's buyer pays in, and what prices in other currencies cost. Needs Django to be set up."""

import os
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from decimal import Decimal

from accounts import audit
from accounts.models import Organization
from billing import wallets
from billing.banking import accounts
from billing.fx import quotes
from billing.fx.tasks import note_rates
from billing.models import FxQuote, TopUpMethod
from billing.stripe import top_ups
from billing.stripe.client import make_client
from config import desk
from config.demo.steps import StepFailed
from core.money import Money
from marketplace.tasks import refresh_quotes

CARD = "4242424242424242"
CREDITED_SECONDS_MAX = 30.0
PAUSE_SECONDS = 0.1
BANK_CURRENCIES = ("CNY", "EUR", "HKD", "USD")
ANSWER_SECONDS_MAX = 20.0


def pay_in(*, organization: Organization, money: Money, reference: str) -> str:
    """
    Fill a buyer's wallet, and say how: by card on the page of the stand-in for Stripe, or, where a key of the
    real one is set, by a bank transfer that is only noted.

    :raises StepFailed: if the wallet was not credited in time
    """
    now = datetime.now(UTC)
    if os.environ.get("JOULEPORT_STRIPE_URL") != desk.STRIPE_URL:
        wallets.top_up(
            organization_id=organization.pk,
            amount=money,
            bank_reference=reference,
            actor="system:demo",
            happened_at=now,
        )
        return "by a bank transfer that the operator noted"
    back = f"http://{os.environ['JOULEPORT_WEB_ADDRESS']}/"
    wish = top_ups.Wish(money=money, method=TopUpMethod.CARD, return_url=back, request_key=reference)
    asked = make_client()
    begun = top_ups.request(organization=organization, wish=wish, actor=audit.SYSTEM, now=now)
    page = top_ups.open_page(top_up=begun, asked=asked, now=now).page_url
    form = urllib.parse.urlencode({"kind": "card", "number": CARD}).encode()
    try:
        with urllib.request.urlopen(page, data=form, timeout=ANSWER_SECONDS_MAX):  # noqa: S310 - our own page
            pass
    except urllib.error.HTTPError as refusal:
        raise StepFailed(f"the page of the card answered {refusal.code}") from refusal
    _wait_credited(organization, money)
    return f"by card on {page.split('?')[0]}, a stand-in for Stripe"


def _wait_credited(organization: Organization, money: Money) -> None:
    """Nobody credits here: the stand-in's signed message does, by way of the web and a task."""
    deadline = time.monotonic() + CREDITED_SECONDS_MAX
    while time.monotonic() < deadline:
        held = wallets.list_wallets(organization_id=organization.pk)
        if any(wallet.available == money for wallet in held):
            return
        time.sleep(PAUSE_SECONDS)
    raise StepFailed("the card was charged, but the wallet was not credited; see the logs of web and tasks")


def open_bank_accounts(*, now: datetime) -> None:
    """Accounts to which buyers are asked to transfer; no bank has them, and their names say so."""
    for currency in BANK_CURRENCIES:
        accounts.open_account(
            currency=currency,
            number=f"DEMO 0001 {currency}",
            bank="No bank (demo)",
            holder="Jouleport (demo)",
            actor=audit.SYSTEM,
            now=now,
        )


def quote_prices() -> None:
    """Have rates known and quotes stand at once, rather than when the schedule comes to it."""
    note_rates()
    refresh_quotes()


def list_quotes(currency: str) -> dict[str, FxQuote]:
    """What one of another currency costs in this one, by the other's code."""
    return {one.quote: one for one in quotes.list_standing(now=datetime.now(UTC)) if one.base == currency}


def convert(amount: Decimal, *, priced_in: str, paid_in: str) -> Decimal:
    """
    What a price costs at the quote that stands.

    :raises StepFailed: if none does
    """
    if priced_in == paid_in:
        return amount
    found = list_quotes(paid_in).get(priced_in)
    if found is None:
        raise StepFailed(f"nobody says what a {priced_in} costs in {paid_in}")
    return amount * found.rate

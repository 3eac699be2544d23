"""What an automatic payment that ended means for those to come, and what its wallet's owners are told."""

import logging
from datetime import datetime

from django.core.mail import send_mail
from django.db import transaction

from accounts.models import Membership, Role
from billing.models import StripeRecharge, StripeTopUp
from core.money import Money

FAILURES_MAX = 3
NEEDS_PERSON = frozenset({"authentication_required", "authentication_not_handled"})
State = StripeRecharge.State
TEXTS = {
    "AUTHENTICATION": "The bank wants to hear from the card's owner. Pay once on the page of the wallet, and"
    " keep the card there: automatic payments go on from then.",
    "DECLINED": "The card was declined several times. Pay once with another card on the page of the wallet,"
    " and keep it there.",
    "CAP": "The cap that was set for automatic payments is reached. They go on with the next day or month,"
    " or when somebody raises it.",
    "DISPUTE": "A bank contests a payment of this wallet, or took one back. Nothing is charged without a"
    " person meanwhile: pay on the page of the wallet.",
}

logger = logging.getLogger(__name__)


def decide(
    *, state: str, failures: int, is_paid: bool, failure: str
) -> tuple[StripeRecharge.State, str, int]:
    """State, reason and count of failures after a payment ended: what only a person can mend is paused."""
    if is_paid:
        return State(state), "", 0
    if failure in NEEDS_PERSON:
        return State.PAUSED, "AUTHENTICATION", failures + 1
    if failures + 1 >= FAILURES_MAX:
        return State.PAUSED, "DECLINED", failures + 1
    return State(state), "", failures + 1


def note(*, top_up: StripeTopUp, now: datetime) -> None:
    """Write down how an automatic payment ended, in the transaction that ends it."""
    if top_up.state not in (StripeTopUp.State.PAID, StripeTopUp.State.FAILED):
        return
    mine = StripeRecharge.objects.select_for_update(no_key=True, of=("self",))
    row = mine.filter(organization=top_up.organization, currency=top_up.currency).first()
    if row is None or row.state == State.OFF:
        return
    is_paid = top_up.state == StripeTopUp.State.PAID
    state, reason, row.failures = decide(
        state=row.state, failures=row.failures, is_paid=is_paid, failure=top_up.failure
    )
    row.state = state
    tell(recharge=row, reason=reason, now=now)
    row.save(update_fields=["state", "reason", "failures", "changed_at"])


def tell(*, recharge: StripeRecharge, reason: str, now: datetime) -> None:
    """Set the reason why nothing is paid, and tell the owners when it is another than before."""
    if recharge.reason == reason:
        return
    recharge.reason, recharge.changed_at = reason, now
    if not reason:
        return
    people = Membership.objects.filter(
        organization=recharge.organization, role__in=(Role.OWNER, Role.FINANCE), user__is_active=True
    )
    addresses = list(people.values_list("user__email", flat=True))
    name, money = recharge.organization.name, Money(recharge.amount, recharge.currency)
    text = f"{name} was to be charged {money} for its wallet.\n\n{TEXTS[reason]}\n"
    transaction.on_commit(lambda: _mail(addresses, recharge.currency, text))


def _mail(addresses: list[str], currency: str, text: str) -> None:
    for address in addresses:
        try:
            send_mail(f"Your {currency} wallet is not being filled", text, None, [address])
        except OSError as error:
            # The page of the wallet says the same.
            logger.warning("Somebody could not be told of a paused payment: %s", error)

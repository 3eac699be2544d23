"""Payments into a wallet that a person begins: asked for here, paid at Stripe, credited by `payments`."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import stripe
from django.db import transaction
from django.db.models import Min, Q, QuerySet, Sum

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import currencies
from billing.compliance import standing
from billing.fx import rates
from billing.fx.central_bank import RateUnknown
from billing.ledger import KeyReused
from billing.models import StripeTerms, StripeTopUp, TopUpMethod
from billing.stripe import bounds, client, customers, fraud
from core import ids
from core.errors import DomainError
from core.money import Money

PAGE_OPEN_FOR = timedelta(hours=2)
PAGE_OPEN_LEAST = timedelta(minutes=30)
"""Stripe makes no page for less."""
FOLLOW_AFTER = timedelta(minutes=1)
STRIPE_METHODS = {
    TopUpMethod.CARD: "card",
    TopUpMethod.ALIPAY: "alipay",
    TopUpMethod.WECHAT_PAY: "wechat_pay",
    TopUpMethod.STABLECOIN: "crypto",
}
logger = logging.getLogger(__name__)
State, Origin = StripeTopUp.State, StripeTopUp.Origin


class MayNotFund(DomainError):
    """The organization may not pay in until something is cleared up."""

    status = 403
    code = "may_not_fund"
    message = "This organization cannot pay in at the moment."


class NoPage(DomainError):
    """Stripe does not take this payment."""

    status = 422
    code = "payment_not_taken"
    message = "This payment cannot be taken. Try another way to pay, or another currency."


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to pay in; `request_key` makes a repeat the same wish."""

    money: Money
    method: TopUpMethod
    saves_method: bool = False
    return_url: str = ""
    request_key: str | None = None


def request(*, organization: Organization, wish: Wish, actor: Actor, now: datetime) -> StripeTopUp:
    """
    Note that somebody wants to pay in, if nothing speaks against it; Stripe is asked by `open_page`.

    :raises billing.stripe.fraud.NotOffered: if the currency or the method is not
    :raises billing.currencies.BelowMinimum: if it is less than Stripe charges
    :raises billing.stripe.bounds.AboveMaximum: if it is more than Stripe charges at once
    :raises billing.stripe.fraud.AmountOutside: if it is less or more than one payment may be
    :raises billing.stripe.fraud.TooMany: if it comes too soon after others, or would be too much in a day
    :raises MayNotFund: if the organization may not
    :raises billing.currencies.DoesNotFit: if nobody can pay such an amount
    :raises billing.ledger.KeyReused: if the request key was used for another wish
    """
    with transaction.atomic():
        # Of two at once the second counts the first.
        Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
        found = _find_repeat(organization, wish)
        if found is not None:
            return found
        made = start(organization=organization, wish=wish, origin=Origin.CHECKOUT, actor=actor, now=now)
        audit.record_event(
            actor=actor,
            action="top_up.request",
            subject_kind="top_up",
            subject_uid=made.uid,
            organization=organization,
            now=now,
            details={
                "amount": wish.money.literal,
                "currency": wish.money.currency,
                "method": wish.method.value,
            },
        )
    return made


def start(
    *, organization: Organization, wish: Wish, origin: StripeTopUp.Origin, actor: Actor, now: datetime
) -> StripeTopUp:
    """Check and write a payment that is to be; the caller has locked the organization."""
    money = wish.money
    found = standing.find_standing(organization_id=organization.pk, now=now)
    if not found.may_fund:
        raise MayNotFund(reasons=list(found.reasons))
    terms = find_terms(currency=money.currency)
    if terms is not None:
        bounds.check_method(method=wish.method, currency=money.currency)
    fraud.check(
        money=money,
        method=wish.method,
        terms=terms,
        history=read_history(organization=organization, currency=money.currency, now=now),
        now=now,
    )
    check_amount(money=money, method=wish.method, now=now)
    return StripeTopUp.objects.create(
        uid=ids.make_uid(),
        organization=organization,
        request_key=wish.request_key,
        origin=origin,
        method=wish.method,
        currency=money.currency,
        amount=money.amount,
        saves_method=wish.saves_method and wish.method == TopUpMethod.CARD,
        return_url=wish.return_url,
        actor=f"{actor.kind.lower()}:{actor.uid or 'billing'}",
        created_at=now,
        follow_at=now + FOLLOW_AFTER,
    )


def open_page(*, top_up: StripeTopUp, asked: stripe.StripeClient, now: datetime) -> StripeTopUp:
    """
    Have Stripe make the page on which it is paid; a repeat finds the same page.

    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer; the sweeper asks again
    """
    if top_up.state != State.CREATED:
        return top_up
    customer = None
    if top_up.saves_method:
        customer = customers.ensure(organization=top_up.organization, asked=asked, now=now)
    try:
        session = _find_or_make_session(top_up, customer, asked, now)
    except stripe.InvalidRequestError as refusal:
        return _give_up(top_up, refusal, now)
    return note_session(top_up=top_up, session=session, now=now)


def note_session(*, top_up: StripeTopUp, session: dict[str, Any], now: datetime) -> StripeTopUp:
    """Write down the page that Stripe made; whoever is paid meanwhile stays so."""
    with transaction.atomic():
        row = StripeTopUp.objects.select_for_update(no_key=True).get(pk=top_up.pk)
        row.session_id = session["id"]
        row.page_url = session.get("url") or row.page_url
        row.state = State.OPEN if row.state == State.CREATED else row.state
        row.save(update_fields=["session_id", "page_url", "state"])
    return row


def find_terms(*, currency: str) -> fraud.Terms | None:
    """What may be paid in, in a currency; nothing where it is not offered."""
    row = StripeTerms.objects.filter(currency=currency).first()
    if row is None:
        return None
    charged = currencies.find(currency=currency).minimum_charge or Decimal(0)
    return fraud.Terms(
        currency=currency,
        methods=frozenset(one for one in row.methods if bounds.takes(method=one, currency=currency)),
        least=max(row.least, charged),
        most=min(row.most, bounds.find_most(currency=currency, method=TopUpMethod.CARD)),
        day_most=row.day_most,
        new_day_most=row.new_day_most,
        reserve_bps=row.reserve_bps,
        elevated_reserve_bps=row.elevated_reserve_bps,
        reserve_for=timedelta(days=row.reserve_days),
    )


def check_amount(*, money: Money, method: str, now: datetime) -> None:
    """
    Go on only if Stripe would charge this amount, at the rates of the moment.

    :raises billing.currencies.DoesNotFit: if nobody can pay such an amount
    :raises billing.currencies.BelowMinimum: if it is less than Stripe charges
    :raises billing.stripe.bounds.AboveMaximum: if it is more
    """
    currencies.to_stripe(amount=money.amount, currency=money.currency)
    try:
        worth = rates.find_rate(base=money.currency, quote="USD", at=now).rate
    except RateUnknown:
        # Then what Stripe says of the currency itself is all that is known.
        worth = None
    bounds.check_amount(money=money, method=method, for_a_dollar=worth)


def list_terms() -> list[fraud.Terms]:
    """Terms of every currency that can be paid in, by code."""
    codes = StripeTerms.objects.order_by("currency").values_list("currency", flat=True)
    return [terms for code in codes if (terms := find_terms(currency=code)) is not None]


def read_history(*, organization: Organization, currency: str, now: datetime) -> fraud.History:
    """What the organization has begun and paid."""
    mine = StripeTopUp.objects.filter(organization=organization)
    day = mine.filter(created_at__gt=now - timedelta(days=1))
    alive = day.exclude(Q(state=State.FAILED) | Q(state=State.EXPIRED))
    sums: dict[str, Decimal] = dict(
        alive.order_by("currency")
        .values("currency")
        .annotate(sum=Sum("amount"))
        .values_list("currency", "sum")
    )
    here = sums.pop(currency, Decimal(0))
    limits = StripeTerms.objects.in_bulk(list(sums))
    return fraud.History(
        hour_count=day.filter(created_at__gt=now - timedelta(hours=1)).count(),
        day_count=day.count(),
        day_sum=here,
        first_paid_at=mine.aggregate(first=Min("paid_at"))["first"],
        elsewhere=tuple(
            fraud.Used(sums[code], limit.day_most, limit.new_day_most) for code, limit in limits.items()
        ),
    )


def list_top_ups(*, organization: Organization) -> QuerySet[StripeTopUp]:
    """All payments of an organization."""
    return StripeTopUp.objects.filter(organization=organization).order_by("-id")


def _give_up(top_up: StripeTopUp, refusal: stripe.InvalidRequestError, now: datetime) -> StripeTopUp:
    """Stripe makes no such page; one that is asked for too late it makes no more."""
    is_late = now - top_up.created_at > PAGE_OPEN_FOR - PAGE_OPEN_LEAST
    logger.warning("Stripe made no page for top-up %s: %s", top_up.uid, refusal.user_message)
    StripeTopUp.objects.filter(pk=top_up.pk, state=State.CREATED).update(
        state=State.EXPIRED if is_late else State.FAILED,
        failure="" if is_late else refusal.code or "refused",
        follow_at=None,
    )
    return StripeTopUp.objects.get(pk=top_up.pk)


def _find_repeat(organization: Organization, wish: Wish) -> StripeTopUp | None:
    if wish.request_key is None:
        return None
    found = StripeTopUp.objects.filter(organization=organization, request_key=wish.request_key).first()
    if found is None:
        return None
    same = (found.amount, found.currency, found.method) == (
        wish.money.amount,
        wish.money.currency,
        wish.method,
    )
    if not same:
        raise KeyReused("This key was used for another payment.")
    return found


def _find_or_make_session(
    top_up: StripeTopUp, customer: str | None, asked: stripe.StripeClient, now: datetime
) -> dict[str, Any]:
    if now - top_up.created_at > client.REPEAT_FOR:
        since = client.write_time(top_up.created_at - timedelta(minutes=5))
        listed = asked.v1.checkout.sessions.list
        found = client.find_made(
            lambda: listed({"created": {"gte": since}, "limit": 100}).auto_paging_iter(), uid=str(top_up.uid)
        )
        if found is not None:
            return found
    params = _describe_session(top_up, customer)
    with client.asking():
        made = asked.v1.checkout.sessions.create(params, {"idempotency_key": f"topup-{top_up.uid}"})
    return made.to_dict()


def _describe_session(top_up: StripeTopUp, customer: str | None) -> Any:
    """The page, from the row alone: a repeat under the same key has to say the same."""
    ours = {"jouleport": str(top_up.uid)}
    method = STRIPE_METHODS[TopUpMethod(top_up.method)]
    item = {
        "currency": top_up.currency.lower(),
        "unit_amount": currencies.to_stripe(amount=top_up.amount, currency=top_up.currency),
        "product_data": {"name": "Jouleport wallet"},
    }
    intent: dict[str, Any] = {"metadata": ours}
    if top_up.saves_method:
        intent["setup_future_usage"] = "off_session"
    params: dict[str, Any] = {
        "mode": "payment",
        "client_reference_id": str(top_up.uid),
        "metadata": ours,
        "line_items": [{"price_data": item, "quantity": 1}],
        "payment_method_types": [method],
        "payment_intent_data": intent,
        "expires_at": client.write_time(top_up.created_at + PAGE_OPEN_FOR),
        "success_url": f"{top_up.return_url}?paid={top_up.uid}",
        "cancel_url": f"{top_up.return_url}?left={top_up.uid}",
    }
    if method == "wechat_pay":
        params["payment_method_options"] = {"wechat_pay": {"client": "web"}}
    if customer is not None:
        params["customer"] = customer
    return params


def find_top_up(*, uid: UUID | str) -> StripeTopUp | None:
    """A payment by our own name for it."""
    try:
        return StripeTopUp.objects.filter(uid=UUID(str(uid))).first()
    except ValueError:
        return None

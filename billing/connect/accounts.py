"""
Providers' accounts at Stripe: made once, filled in on Stripe's pages, mirrored when Stripe says something.

What is mirrored is always fetched, never read from an event, so unordered and doubled events end alike.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import stripe
from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing.connect.rail import NAME
from billing.models import ConnectAccount, PayoutMethod
from billing.rails import methods
from billing.rails.protocol import DetailRefused
from billing.settlement import notices
from billing.stripe import client
from core import ids
from core.errors import DomainError, Invalid

State = ConnectAccount.State


class CountryRefused(Invalid):
    """Stripe opens no accounts there."""

    code = "connect_country"
    message = "Stripe opens no accounts in this country. Choose another way to be paid."


class NotOpened(DomainError):
    """There is no account to fill in."""

    code = "connect_not_opened"
    message = "Open an account at Stripe first."


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands: `missing` is what Stripe asks for, in its own words."""

    state: str
    missing: tuple[str, ...]
    reason: str
    currency: str


def read_standing(body: dict[str, Any]) -> Standing:
    """How an account stands, from what Stripe says of it. No I/O."""
    wanted = body.get("requirements") or {}
    reason = str(wanted.get("disabled_reason") or "")
    missing = tuple(wanted.get("currently_due") or ())
    usable = (body.get("capabilities") or {}).get("transfers") == "active"
    if reason.startswith("rejected"):
        state = State.REJECTED
    elif body.get("payouts_enabled") and usable:
        state = State.READY
    elif not body.get("details_submitted"):
        state = State.ONBOARDING
    else:
        state = State.LACKING if missing else State.CHECKING
    return Standing(state, missing, reason, str(body.get("default_currency") or "").upper())


def find(*, organization_id: int) -> ConnectAccount | None:
    """An organization's account, if it has asked for one."""
    return ConnectAccount.objects.filter(organization_id=organization_id).first()


def open_account(
    *, organization: Organization, country: str, asked: stripe.StripeClient, now: datetime
) -> ConnectAccount:
    """
    An organization's account at Stripe, made if there is none; the country is the first that was said.

    :raises CountryRefused: if Stripe opens none there
    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer
    """
    ConnectAccount.objects.bulk_create(
        [ConnectAccount(organization=organization, country=country, asked_at=now)], ignore_conflicts=True
    )
    row = ConnectAccount.objects.get(organization=organization)
    if row.account_id is None and row.country != country:
        # What was refused for another country is asked anew.
        ConnectAccount.objects.filter(pk=row.pk, account_id=None).update(country=country, asked_at=now)
        row.refresh_from_db()
    if row.account_id is None:
        body = _find_made(organization, row, asked, now) or _make(organization, row, asked)
        _note(organization_id=organization.pk, body=body, now=now)
        row.refresh_from_db()
    return row


def _make(organization: Organization, row: ConnectAccount, asked: stripe.StripeClient) -> dict[str, Any]:
    params: Any = {
        "type": "express",
        "country": row.country,
        "capabilities": {"transfers": {"requested": True}},
        # Each payout of ours is followed to the bank by itself.
        "settings": {"payouts": {"schedule": {"interval": "manual"}}},
        "metadata": {"jouleport": str(organization.uid)},
    }
    try:
        with client.asking():
            key = f"connect-{organization.uid}-{row.country}"
            return asked.v1.accounts.create(params, {"idempotency_key": key}).to_dict()
    except stripe.InvalidRequestError as refusal:
        if refusal.code == "country_unsupported" or refusal.param == "country":
            raise CountryRefused from refusal
        raise


def _find_made(
    organization: Organization, row: ConnectAccount, asked: stripe.StripeClient, now: datetime
) -> dict[str, Any] | None:
    if now - row.asked_at <= client.REPEAT_FOR:
        return None
    since = client.write_time(row.asked_at - timedelta(minutes=5))
    listed = asked.v1.accounts.list
    return client.find_made(
        lambda: listed({"created": {"gte": since}, "limit": 100}).auto_paging_iter(),
        uid=str(organization.uid),
    )


def make_link(*, organization: Organization, page: str, again: str, asked: stripe.StripeClient) -> str:
    """
    The address of Stripe's page where the account is filled in.

    It lasts minutes and serves once, leads back to `page`, and to `again` where it does not serve any more.

    :raises NotOpened: if there is no account
    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer
    """
    row = find(organization_id=organization.pk)
    if row is None or row.account_id is None:
        raise NotOpened
    params: Any = {
        "account": row.account_id,
        "type": "account_onboarding",
        "return_url": page,
        "refresh_url": again,
    }
    with client.asking():
        # A link serves once: every wish for one is another.
        key = f"connect-link-{ids.make_uid()}"
        return asked.v1.account_links.create(params, {"idempotency_key": key}).url


def follow(*, account_id: str, asked: stripe.StripeClient, now: datetime) -> ConnectAccount | None:
    """
    Ask how an account stands, and write it down; nothing where it is not one of ours.

    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer
    """
    row = ConnectAccount.objects.filter(account_id=account_id).first()
    with client.asking():
        body = asked.v1.accounts.retrieve(account_id).to_dict()
    if row is None:
        uid = (body.get("metadata") or {}).get("jouleport")
        with suppress(ValueError):
            row = ConnectAccount.objects.filter(organization__uid=UUID(str(uid))).first()
        if row is None or row.account_id is not None:
            return None
    _note(organization_id=row.organization_id, body=body, now=now)
    row.refresh_from_db()
    return row


def _note(*, organization_id: int, body: dict[str, Any], now: datetime) -> None:
    found = read_standing(body)
    # Of two that asked the later one is right, whoever writes first.
    newer = Q(told_at=None) | Q(told_at__lte=now)
    rows = ConnectAccount.objects.filter(newer, organization_id=organization_id)
    rows = rows.filter(Q(account_id=None) | Q(account_id=body["id"]))
    fields: dict[str, Any] = {
        "account_id": body["id"],
        "state": found.state,
        "missing": list(found.missing),
        "reason": found.reason,
        "told_at": now,
    }
    with transaction.atomic():
        # Of two that hear it at once one finds it ready, and tells the owner.
        stopped = found.state != State.READY and rows.filter(state=State.READY).update(**fields)
        if stopped:
            notices.tell_stopped(Organization.objects.get(pk=organization_id))
        changed = stopped or rows.update(**fields)
    if changed and found.state == State.READY:
        _offer_method(organization_id, body, found.currency, now)


def _offer_method(organization_id: int, body: dict[str, Any], currency: str, now: datetime) -> None:
    """List it among where the provider is paid, last in its order, unless its owner has removed it."""
    removed = PayoutMethod.objects.filter(
        organization_id=organization_id,
        state=methods.State.RETIRED,
        currency=currency,
        fingerprint=methods.make_fingerprint(NAME, body["id"]),
    )
    if removed.exists():
        return
    organization = Organization.objects.get(pk=organization_id)
    # Its owner finds out why it is not listed by asking for it.
    with suppress(methods.MethodKnown, methods.MethodNotSupported, methods.TooManyMethods, DetailRefused):
        _add_method(organization, body, currency, audit.SYSTEM, now)


def list_method(
    *, organization: Organization, asked: stripe.StripeClient, actor: Actor, now: datetime
) -> PayoutMethod:
    """
    List an account that Stripe pays among where the provider is paid, also if it was removed there before.

    An operator checks it as any other.

    :raises NotOpened: if there is no account, or Stripe does not pay it
    :raises billing.rails.methods.MethodKnown: if it is listed
    :raises billing.rails.methods.MethodNotSupported: if its currency is not paid there
    :raises billing.rails.methods.TooManyMethods: if there are many already
    :raises billing.rails.protocol.DetailRefused: if its currency is not kept here
    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer
    """
    row = find(organization_id=organization.pk)
    if row is None or row.account_id is None:
        raise NotOpened
    with client.asking():
        body = asked.v1.accounts.retrieve(row.account_id).to_dict()
    found = read_standing(body)
    if found.state != State.READY:
        raise NotOpened("Stripe does not pay this account yet.")
    return _add_method(organization, body, found.currency, actor, now)


def _add_method(
    organization: Organization, body: dict[str, Any], currency: str, actor: Actor, now: datetime
) -> PayoutMethod:
    return methods.add_method(
        organization=organization,
        rail=NAME,
        currency=currency,
        country=str(body["country"]),
        details={"account": body["id"]},
        actor=actor,
        now=now,
    )

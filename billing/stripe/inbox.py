"""
The inbox: what Stripe tells is stored, answered, and acted on afterwards, in any order and however often.

An event says only that something happened. Whoever acts on one asks Stripe how the thing stands now, so late,
doubled and reordered events end in the same books.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import stripe
from django.conf import settings
from django.db import transaction
from django.db.models import F

from accounts import audit
from accounts.audit import Actor
from billing.models import StripeEvent
from billing.stripe import client
from core.errors import DomainError

BODY_BYTES_MAX = 512 * 1024
BATCH = 50
LEASE = timedelta(seconds=60)
WAIT_LEAST = timedelta(seconds=5)
WAIT_MOST = timedelta(hours=1)
ATTEMPTS_MAX = 30
ERROR_LENGTH_MAX = 500
OTHER_MODE = "of Stripe's other mode (live or test) than the key"

Handler = Callable[[StripeEvent, stripe.StripeClient, datetime], None]
_handlers: dict[tuple[str, bool], Handler] = {}

logger = logging.getLogger(__name__)


class BadSignature(DomainError):
    """The body is not signed with any secret of ours."""

    status = 400
    code = "bad_signature"
    message = "This is not signed as Stripe signs, with any secret that is set here."


class SignedLongAgo(DomainError):
    """It is signed with our secret, but so long ago that somebody may be repeating it. Stripe signs anew."""

    status = 400
    code = "signed_long_ago"
    message = "This was signed more than five minutes ago. Is the clock here right?"


class TooLarge(DomainError):
    """Larger than events are."""

    status = 413
    code = "too_large"
    message = "An event is not this large."


class NotAnEvent(DomainError):
    """What was signed is no event."""

    status = 400
    code = "not_an_event"


def register_handler(event_type: str, handler: Handler, *, connected: bool = False) -> None:
    """
    Have `handler(event, client, now)` act on events of a type.

    It may be called again for the same event, asks Stripe itself, and opens its own transactions.

    :param connected: for events of connected accounts instead of our own
    """
    _handlers[event_type, connected] = handler


def list_types(*, connected: bool) -> list[str]:
    """The types of events that are acted on, of connected accounts or of our own."""
    return sorted(kind for kind, is_connected in _handlers if is_connected == connected)


def receive(*, body: bytes, signature: str, now: datetime) -> bool:
    """
    Store an event that was signed with one of our secrets; answers whether it is new.

    :raises TooLarge: if it is larger than events are
    :raises BadSignature: if it was not
    :raises SignedLongAgo: if it was, more than five minutes ago; a clock that is ahead does no harm
    :raises NotAnEvent: if the body is no event
    """
    if len(body) > BODY_BYTES_MAX:
        raise TooLarge
    text = _verify(body, signature)
    try:
        payload = json.loads(text)
        if not isinstance(payload, dict):
            raise NotAnEvent
        return store(payload=payload, now=now)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise NotAnEvent from error


def store(*, payload: dict[str, Any], now: datetime) -> bool:
    """
    Store an event once for ever; answers whether it is new.

    One of the other mode is kept and left: Stripe sends tests to live endpoints of connected accounts too,
    and repeats for days what is refused.
    """
    is_live = payload.get("livemode")
    left = is_live is not None and bool(is_live) != client.is_live()
    row = StripeEvent(
        event_id=str(payload["id"]),
        type=str(payload["type"]),
        api_version=str(payload.get("api_version") or ""),
        account=str(payload.get("account") or ""),
        object_id=str(payload["data"]["object"].get("id") or ""),
        happened_at=client.read_time(payload["created"]),
        received_at=now,
        payload=payload,
        next_at=now,
        state=StripeEvent.State.LEFT if left else StripeEvent.State.NEW,
        handled_at=now if left else None,
        error=OTHER_MODE if left else "",
    )
    before = StripeEvent.objects.filter(event_id=row.event_id)
    if before.exists():
        return False
    StripeEvent.objects.bulk_create([row], ignore_conflicts=True)
    # Of two that store at once the second finds the first's row.
    return True


def handle_due(*, asked: stripe.StripeClient, now: datetime) -> int:
    """Act on what is due; gives how many were taken."""
    taken = _claim(now)
    for event in taken:
        _handle(event, asked, now)
    return len(taken)


def resend(*, event: StripeEvent, actor: Actor, now: datetime) -> None:
    """Have an event acted on again, as if it had just come."""
    with transaction.atomic():
        StripeEvent.objects.filter(pk=event.pk).update(
            state=StripeEvent.State.NEW, attempts=0, next_at=now, handled_at=None, error=""
        )
        audit.record_event(
            actor=actor,
            action="stripe_event.resend",
            subject_kind="stripe_event",
            subject_uid=None,
            organization=None,
            now=now,
            details={"event": event.event_id, "type": event.type},
        )


def _verify(body: bytes, signature: str) -> str:
    secrets = [secret for secret in settings.STRIPE_WEBHOOK_SECRETS if secret]
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadSignature from error
    late = False
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(text, signature, secret)
            stripe.WebhookSignature.verify_header(
                text, signature, secret, tolerance=stripe.Webhook.DEFAULT_TOLERANCE
            )
        except stripe.SignatureVerificationError as refusal:
            late = late or "tolerance" in str(refusal)
            continue
        return text
    raise SignedLongAgo if late else BadSignature


def _claim(now: datetime) -> list[StripeEvent]:
    """Take events for as long as a lease lasts, the oldest first; who dies with them lets them fall due."""
    with transaction.atomic():
        due = StripeEvent.objects.filter(state=StripeEvent.State.NEW, next_at__lte=now)
        rows = list(due.select_for_update(skip_locked=True, no_key=True).order_by("id")[:BATCH])
        StripeEvent.objects.filter(pk__in=[row.pk for row in rows]).update(
            attempts=F("attempts") + 1, next_at=now + LEASE
        )
    return rows


def _handle(event: StripeEvent, asked: stripe.StripeClient, now: datetime) -> None:
    handler = _handlers.get((event.type, bool(event.account)))
    state, error = StripeEvent.State.LEFT, ""
    if handler is not None:
        try:
            handler(event, asked, now)
            state = StripeEvent.State.HANDLED
        except Exception as problem:
            logger.warning("Event %s (%s) failed", event.event_id, event.type, exc_info=problem)
            state, error = StripeEvent.State.NEW, f"{type(problem).__name__}: {problem}"[:ERROR_LENGTH_MAX]
    row = StripeEvent.objects.filter(pk=event.pk)
    if state != StripeEvent.State.NEW:
        row.update(state=state, handled_at=now, error="")
    elif event.attempts + 1 >= ATTEMPTS_MAX:
        row.update(state=StripeEvent.State.FAILED, error=error)
    else:
        row.update(next_at=now + min(WAIT_LEAST * 2**event.attempts, WAIT_MOST), error=error)

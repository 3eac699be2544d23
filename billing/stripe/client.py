"""
The client of Stripe: the SDK and the version of the interface are pinned together, and every call is bounded.

Stripe repeats its first answer to a key for a day. Within that a call may be repeated under its key; past it
one looks whether the thing was made before making it again (`REPEAT_FOR`).
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe
from django.conf import settings
from django.db import transaction

from core.errors import DomainError

SDK_VERSION = "16.1.0"
API_VERSION = "2026-10-28.endive"
REPEAT_FOR = timedelta(hours=23)
"""An hour less than Stripe remembers a key for."""
CONNECT_SECONDS_MAX = 3.0
ANSWER_SECONDS_MAX = 15.0
RETRIES_MAX = 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNANSWERED = (
    stripe.APIConnectionError,
    stripe.RateLimitError,
    stripe.APIError,
    stripe.AuthenticationError,
    stripe.PermissionError,
)
STAND_IN_KEY = "sk_test_stand_in"


logger = logging.getLogger(__name__)


class StripeUnavailable(DomainError):
    """Stripe cannot be asked: it is not set up here, or does not answer."""

    status = 503
    code = "payments_unavailable"
    message = "Payments cannot be taken at the moment. Try again in a few minutes."


class InTransaction(RuntimeError):
    """Stripe was to be called while a transaction was open, whose locks would wait for the network."""


class VersionsDiffer(RuntimeError):
    """Another SDK than the one whose answers this code reads."""


def make_client() -> stripe.StripeClient:
    """
    A client for Stripe, or for the stand-in where no key is set.

    :raises VersionsDiffer: if the SDK is not the one this code was written for
    :raises StripeUnavailable: if neither a key nor the stand-in's address is set
    """
    if (stripe.VERSION, stripe.api_version) != (SDK_VERSION, API_VERSION):
        raise VersionsDiffer(f"stripe {stripe.VERSION} speaks {stripe.api_version}")
    if not settings.STRIPE_KEY and not settings.STRIPE_URL:
        raise StripeUnavailable
    addresses: Any = {"api": settings.STRIPE_URL} if settings.STRIPE_URL else {}
    return stripe.StripeClient(
        settings.STRIPE_KEY or STAND_IN_KEY,
        stripe_version=API_VERSION,
        base_addresses=addresses,
        max_network_retries=RETRIES_MAX,
        http_client=stripe.RequestsClient(timeout=(CONNECT_SECONDS_MAX, ANSWER_SECONDS_MAX)),
    )


def is_live() -> bool:
    """Whether the key moves money: `sk_live_…`, or a restricted one, `rk_live_…`."""
    return "_live_" in settings.STRIPE_KEY[:8]


@contextmanager
def asking() -> Iterator[None]:
    """
    Around every call: no transaction is open, and silence is told in our words.

    :raises InTransaction: if a transaction is open
    :raises StripeUnavailable: if Stripe does not answer, or is in trouble itself
    """
    if transaction.get_connection().in_atomic_block:
        raise InTransaction
    try:
        yield
    except UNANSWERED as error:
        logger.warning("Stripe could not be asked: %s", type(error).__name__)
        raise StripeUnavailable from error


def find_made(rows: Callable[[], Iterator[stripe.StripeObject]], *, uid: str) -> dict[str, Any] | None:
    """What of a list carries our uid in its metadata: how a call past its day finds out what became of it."""
    with asking():
        bodies = (row.to_dict() for row in rows())
        return next((body for body in bodies if (body.get("metadata") or {}).get("jouleport") == uid), None)


def read_time(seconds: int) -> datetime:
    """
    A moment as Stripe writes it.

    :raises OverflowError: if it is in no year of ours
    """
    return EPOCH + timedelta(seconds=seconds)


def write_time(moment: datetime) -> int:
    """A moment as Stripe reads it."""
    return int(moment.timestamp())

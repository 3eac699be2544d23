"""
Who is let in to test money.

What is given in a day is bounded for each organization and person (`billing.xts`). A farmer would make one
organization after another: so the first time is counted, by the person, by the network that was asked from
and by the cards that were paid with. Who has done it too often, or has
an address that is lent for a while, asks the operator.
"""

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.crypto import salted_hmac

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing.free_starts.addresses import is_thrown_away
from billing.models import FreeStart, FreeStartMark
from core import ids
from core.errors import DomainError, Invalid

SALT = "billing.free_starts"
EMAIL = "EMAIL"
CARD_TAKEN = "free_start_mark_card"
REASON_LENGTH_MAX = 500
Kind = FreeStartMark.Kind


class StartRefused(DomainError):
    """Too many organizations of the same person, network or card were given test money."""

    status = 403
    code = "free_start_refused"
    message = "This organization is given no test money. Ask the operator for it."


class AlreadyStarted(Invalid):
    """The organization has test money already."""

    code = "already_started"
    message = "This organization has been given test money before."


class ReasonNeeded(Invalid):
    """An operator says why."""

    code = "reason_needed"
    message = "Say why, in a few words."


def ensure_started(*, organization: Organization, actor: Actor, now: datetime) -> None:
    """
    Go on only if the organization has started, or may.

    :raises StartRefused: if its maker, network or card has started too many, or the maker's address is lent
    """
    if FreeStart.objects.filter(organization=organization).exists():
        return
    if actor.user is not None and is_thrown_away(email=actor.user.email):
        raise StartRefused(
            "Your e-mail address is of a kind that is lent for a while. Use another, or ask the operator.",
            reason=EMAIL,
        )
    person = str(actor.user.uid) if actor.user is not None else ""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT free_start_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    ids.make_uid(),
                    organization.pk,
                    f"{actor.kind.lower()}:{actor.uid or 'billing'}",
                    person,
                    hash_network(actor.network),
                    settings.FREE_STARTS_PERSON,
                    settings.FREE_STARTS_NETWORK,
                    settings.FREE_STARTS_DAYS,
                    now,
                ],
            )
            verdict = str(cursor.fetchone()[0])
    except IntegrityError as error:
        if CARD_TAKEN not in str(error):
            raise
        # Another organization with the same card was faster by a moment.
        verdict = Kind.CARD.value
    if verdict in Kind.values:
        raise StartRefused(_explain(Kind(verdict)), reason=verdict)


def start_by_hand(*, organization: Organization, reason: str, actor: Actor, now: datetime) -> FreeStart:
    """
    Let an organization start whose marks are too many; the caller has a transaction open.

    :raises ReasonNeeded: if no reason is given
    :raises AlreadyStarted: if it has
    """
    said = reason.strip()[:REASON_LENGTH_MAX]
    if not said:
        raise ReasonNeeded(field="reason")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT free_start_by_hand_v1(%s, %s, %s, %s, %s)",
            [ids.make_uid(), organization.pk, f"{actor.kind.lower()}:{actor.uid}", said, now],
        )
        made = cursor.fetchone()[0]
    if made is None:
        raise AlreadyStarted(field="organization")
    row = FreeStart.objects.get(pk=made)
    audit.record_event(
        actor=actor,
        action="free_start.grant",
        subject_kind="free_start",
        subject_uid=row.uid,
        organization=organization,
        now=now,
        details={"reason": said},
    )
    return row


def note_card(*, organization_id: int, fingerprint: str, now: datetime) -> None:
    """An organization paid with a card; from then on no other starts with it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT note_card_v1(%s, %s, %s)", [organization_id, fingerprint, now])


def forget_networks(*, now: datetime) -> int:
    """Forget the networks that count no more; gives how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT forget_networks_v1(%s)", [now])
        return int(cursor.fetchone()[0])


def hash_network(network: str) -> str:
    """A network as it is kept: told from others with our key, and named by nobody without it."""
    return salted_hmac(SALT, network, algorithm="sha256").hexdigest() if network else ""


def _explain(kind: FreeStartMark.Kind) -> str:
    days = settings.FREE_STARTS_DAYS
    return {
        Kind.PERSON: f"You have had test money for as many organizations as one person gets in {days} days."
        " Use one of them, or ask the operator.",
        Kind.NETWORK: f"Too many organizations were given test money from your network in {days} days."
        " Try again later, or ask the operator.",
        Kind.CARD: "A card of this organization has brought another organization its test money."
        " Use that one, or ask the operator.",
    }[kind]

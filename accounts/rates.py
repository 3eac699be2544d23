"""
How much a key may ask for: requests and tokens in a minute, and requests at once.

A key's own limits only lower what its organization allows each of its keys; that, when it is not given, is
the platform's default. Gateways read them with the key.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction

from accounts import audit, revocations
from accounts.audit import Actor
from accounts.models import ApiKey, Organization
from core.errors import Invalid

# What PostgreSQL's integer holds.
LIMIT_MAX = 2_147_483_647


class RateOutOfRange(Invalid):
    """A limit that lets nothing through, or more than can be counted."""

    code = "rate_out_of_range"


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Limits of a key, or of each key of an organization; None leaves it to whoever stands above."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None
    """Of an organization: of all its keys together."""

    def __post_init__(self) -> None:
        """:raises RateOutOfRange: if a limit is below one or too large"""
        for name, limit in asdict(self).items():
            if limit is not None and not 1 <= limit <= LIMIT_MAX:
                raise RateOutOfRange(f"{name} must be from 1 to {LIMIT_MAX}.", field=name)


def limit_key(*, key: ApiKey, limits: RateLimits, actor: Actor, now: datetime) -> None:
    """Replace the limits of a key; gateways follow when the transaction commits."""
    fields = asdict(limits)
    with transaction.atomic():
        ApiKey.objects.filter(pk=key.pk).update(**fields)
        # Gateways forget what they know of the key and look it up again.
        revocations.publish_revocation(key.digest)
        audit.record_event(
            actor=actor,
            action="key.limit",
            subject_kind="key",
            subject_uid=key.uid,
            organization=key.organization,
            now=now,
            details=fields,
        )
    for name, limit in fields.items():
        setattr(key, name, limit)


def limit_organization(
    *, organization: Organization, limits: RateLimits, actor: Actor, now: datetime
) -> None:
    """
    Replace what an organization's keys may ask for: an operator's decision. Gateways follow within seconds.

    The concurrent requests are those of all its keys together, the other two of each key.
    """
    fields = {
        "key_requests_per_minute": limits.requests_per_minute,
        "key_tokens_per_minute": limits.tokens_per_minute,
        "concurrent_requests": limits.concurrent_requests,
    }
    with transaction.atomic():
        Organization.objects.filter(pk=organization.pk).update(**fields)
        audit.record_event(
            actor=actor,
            action="organization.limit",
            subject_kind="organization",
            subject_uid=organization.uid,
            organization=organization,
            now=now,
            details=fields,
        )
    for name, limit in fields.items():
        setattr(organization, name, limit)

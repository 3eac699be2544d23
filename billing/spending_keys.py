"""API keys with spending limits, and test keys with the money they need."""

from datetime import datetime

from django.db import transaction

from accounts import keys, projects
from accounts.audit import Actor
from accounts.keys import IssuedKey
from accounts.models import ApiKey, KeyMode, Organization, Project
from accounts.rates import RateLimits
from billing import limits, xts
from billing.limits import Kind, Limit, Period, Subject
from core.money import Money


def issue_key(
    *,
    organization: Organization,
    name: str,
    mode: KeyMode,
    actor: Actor,
    now: datetime,
    expires_at: datetime | None = None,
    ceiling: Money | None = None,
    period: Period = Period.LIFETIME,
    project: Project | None = None,
    rate: RateLimits | None = None,
) -> IssuedKey:
    """
    Issue a key that may spend `ceiling` in each `period`; without one only the wallet and the limits of its
    maker and project do. `rate` lowers how much it may ask for. A test key finds the organization's test
    wallet full.

    :raises accounts.keys.ExpiryInThePast: if it would be dead at birth
    :raises billing.limits.InvalidLimit: if the currency is not kept here, or not what such a key spends
    :raises accounts.projects.ProjectArchived: if the project ended
    """
    with transaction.atomic():
        issued = keys.issue_key(
            organization=organization,
            name=name,
            mode=mode,
            actor=actor,
            now=now,
            expires_at=expires_at,
            limits=rate,
        )
        if ceiling is not None:
            change_limit(key=issued.key, ceiling=ceiling, period=period, actor=actor, now=now)
        if project is not None:
            projects.move_key(key=issued.key, project=project, actor=actor, now=now)
        if mode is KeyMode.TEST:
            xts.fill_wallet(organization=organization, actor=actor, now=now)
    return issued


def change_limit(
    *, key: ApiKey, ceiling: Money, actor: Actor, now: datetime, period: Period = Period.LIFETIME
) -> Limit:
    """
    Give a key a limit, or change the one it has for this period and currency; what was spent stays spent.

    :raises billing.limits.InvalidLimit: as `billing.limits.set_limit` does
    """
    return limits.set_limit(
        organization=key.organization,
        subject=Subject(Kind.KEY, key.pk, key.uid, key.name),
        period=period,
        ceiling=ceiling,
        actor=actor,
        now=now,
    )

"""API keys with a spending limit."""

from datetime import datetime

from django.db import transaction

from accounts import audit, keys
from accounts.audit import Actor
from accounts.keys import IssuedKey
from accounts.models import ApiKey, KeyMode, Organization
from billing import limits
from billing.limits import Limit
from core.errors import DomainError
from core.money import Money


class LimitInOtherCurrency(DomainError):
    """A key has one limit, in one currency, for as long as it lives."""

    code = "limit_in_other_currency"
    message = "This key's limit is in another currency; issue a new key."


def issue_key(
    *,
    organization: Organization,
    name: str,
    mode: KeyMode,
    actor: Actor,
    now: datetime,
    expires_at: datetime | None = None,
    ceiling: Money | None = None,
) -> IssuedKey:
    """
    Issue a key that may spend `ceiling` in all; without one only the wallet limits it.

    :raises accounts.keys.ExpiryInThePast: if it would be dead at birth
    :raises billing.limits.InvalidLimit: if the currency is not kept here
    """
    with transaction.atomic():
        issued = keys.issue_key(
            organization=organization, name=name, mode=mode, actor=actor, now=now, expires_at=expires_at
        )
        if ceiling is not None:
            change_limit(key=issued.key, ceiling=ceiling, actor=actor, now=now)
    return issued


def change_limit(*, key: ApiKey, ceiling: Money, actor: Actor, now: datetime) -> Limit:
    """
    Give a key a limit, or change the one it has; what was spent stays spent.

    :raises LimitInOtherCurrency: if it has one in another currency
    :raises billing.limits.LimitBelowSpent: if that is less than what is spent and held
    """
    with transaction.atomic():
        locked = ApiKey.objects.select_for_update(no_key=True).get(pk=key.pk)
        if locked.spend_scope_id is not None:
            known = limits.find_limit(scope_id=locked.spend_scope_id)
            if known.ceiling.currency != ceiling.currency:
                raise LimitInOtherCurrency
        scope = limits.set_key_limit(organization_id=key.organization_id, key_id=key.pk, ceiling=ceiling)
        ApiKey.objects.filter(pk=key.pk).update(spend_scope_id=scope)
        audit.record_event(
            actor=actor,
            action="key.change_limit",
            subject_kind="key",
            subject_uid=key.uid,
            organization=key.organization,
            now=now,
            details={"amount": ceiling.literal, "currency": ceiling.currency},
        )
    key.spend_scope_id = scope
    return limits.find_limit(scope_id=scope)

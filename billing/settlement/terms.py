"""What the platform asks for in a currency, and how often a provider is paid."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import periods
from billing.models import Currency, PayoutSchedule, PayoutTerm
from core.errors import Invalid, NotFound
from core.money import AMOUNT_PLACES, fit

HELD_DAYS_MAX = 366
Every = PayoutSchedule.Every
DEFAULT_SCHEDULE = Every.MONTHLY


class TermsRefused(Invalid):
    """A minimum, a fee or a time that cannot be."""

    code = "terms_refused"


@dataclass(frozen=True, slots=True)
class Terms:
    """Of one currency; `held_max` None keeps back all that a new provider earns."""

    currency: str
    minimum: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    held_days: int = 0
    held_max: Decimal | None = None


def find_terms(*, currency: str) -> Terms:
    """The terms of a currency; nothing is asked for if none were set."""
    found = PayoutTerm.objects.filter(currency=currency).first()
    if found is None:
        return Terms(currency)
    return Terms(currency, found.minimum, found.fee, found.held_days, found.held_max)


def change_terms(*, terms: Terms, actor: Actor, now: datetime) -> Terms:
    """
    Set the terms of a currency; batches that are drafted keep theirs.

    :raises core.errors.NotFound: if the currency is not kept here
    :raises TermsRefused: if an amount is negative, or a time is longer than a year
    """
    if not Currency.objects.filter(code=terms.currency).exists():
        raise NotFound
    amounts = [
        fit(one, AMOUNT_PLACES) for one in (terms.minimum, terms.fee, terms.held_max) if one is not None
    ]
    if min(amounts) < 0 or not 0 <= terms.held_days <= HELD_DAYS_MAX:
        raise TermsRefused("Amounts are not negative, and earnings are kept back for at most a year.")
    values = {
        "minimum": terms.minimum,
        "fee": terms.fee,
        "held_days": terms.held_days,
        "held_max": terms.held_max,
    }
    with transaction.atomic():
        PayoutTerm.objects.update_or_create(currency=terms.currency, defaults={**values, "changed_at": now})
        audit.record_event(
            actor=actor,
            action="payout_terms.change",
            subject_kind="currency",
            subject_uid=None,
            organization=None,
            now=now,
            details={"currency": terms.currency, **{key: str(value) for key, value in values.items()}},
        )
    return terms


def find_schedule(*, organization_id: int) -> Every:
    """How often a provider is paid; every month if it chose nothing."""
    found = PayoutSchedule.objects.filter(organization_id=organization_id).first()
    return Every(found.every) if found else DEFAULT_SCHEDULE


def choose_schedule(*, organization: Organization, every: Every, actor: Actor, now: datetime) -> Every:
    """Let a provider choose how often it is paid."""
    with transaction.atomic():
        PayoutSchedule.objects.update_or_create(
            organization=organization, defaults={"every": every, "chosen_at": now}
        )
        audit.record_event(
            actor=actor,
            action="payout_schedule.choose",
            subject_kind="organization",
            subject_uid=organization.uid,
            organization=organization,
            now=now,
            details={"every": every.value},
        )
    return every


def name_period(every: Every | None, *, now: datetime) -> str:
    """What a batch is called: the day, the week, the month, or the moment of one outside every schedule."""
    match every:
        case Every.DAILY:
            return now.strftime("%Y-%m-%d")
        case Every.WEEKLY:
            return now.strftime("%G-W%V")
        case Every.MONTHLY:
            return now.strftime("%Y-%m")
    return now.strftime("%Y-%m-%dT%H:%MZ")


def find_period_start(every: Every, *, now: datetime) -> datetime:
    """When the day, week or month of `now` (UTC) began."""
    start = periods.find_start(every.value, now=now)
    if start is None:
        raise ValueError(f"{every} has no beginning")
    return start

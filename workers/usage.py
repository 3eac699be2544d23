"""What jobs used and attempts earned: usage records with their charges, for those they concern."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from accounts import access
from accounts.models import Organization
from billing.models import Charge, ChargeConversion, ChargeEntry
from core.money import AMOUNT_PLACES, fit
from core.quantities import EXACT
from marketplace.models import Job
from workers.models import Attempt, UsageEnergy, UsageRecord

NOTHING = fit(Decimal(0), AMOUNT_PLACES)


@dataclass(frozen=True, slots=True)
class Record:
    """
    A usage record with its energy by parts and its charge; `posted` once the money has moved. `sold` is what
    was sold for a charge of a wallet in another currency than the price.
    """

    usage: UsageRecord
    energy: UsageEnergy
    charge: Charge
    posted: bool
    sold: ChargeConversion | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """An attempt with its records, in their order: one, or several for long work."""

    attempt: Attempt
    records: tuple[Record, ...]

    @property
    def cost(self) -> Decimal:
        """What the buyer pays, in the wallet's currency."""
        return _add([one.charge.amount for one in self.records])

    @property
    def earned(self) -> Decimal:
        """What the provider gets, in the currency of the price."""
        return _add([(one.sold or one.charge).provider_amount for one in self.records])

    @property
    def currency(self) -> str:
        """That of the card it ran under."""
        return self.attempt.card.currency

    @property
    def wallet_currency(self) -> str:
        """That of the wallet that pays."""
        return self.records[0].charge.currency if self.records else self.currency


def list_used_jobs(*, organization: Organization) -> QuerySet[Job]:
    """The organization's jobs of which something was charged."""
    return Job.objects.filter(organization=organization, billable_attempt_id__isnull=False)


def list_attempts(*, organization: Organization) -> QuerySet[Attempt]:
    """What ran, or tried to, on the organization's offers."""
    return _with_places().filter(offer__organization=organization)


def find_attempt(*, organization: Organization, uid: object) -> Attempt:
    """
    An attempt on one of the organization's offers.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    return access.get_or_refuse(list_attempts(organization=organization), uid=uid)


def find_works(*, attempts: Sequence[Attempt]) -> dict[int, Work]:
    """Records and charges of some attempts, by the attempts' ids; five queries, however many they are."""
    ids = [attempt.pk for attempt in attempts]
    records = list(UsageRecord.objects.filter(attempt_id__in=ids).order_by("attempt_id", "seq"))
    usages = [record.id for record in records]
    charges = Charge.objects.in_bulk(usages)
    energies = {one.usage_id: one for one in UsageEnergy.objects.filter(attempt_id__in=ids)}
    sold = {one.charge_id: one for one in ChargeConversion.objects.filter(charge_id__in=usages)}
    posted = set(ChargeEntry.objects.filter(usage_id__in=usages).values_list("usage_id", flat=True))
    found: dict[int, list[Record]] = {}
    for record in records:
        paid, is_posted = charges[record.id], record.id in posted
        row = Record(record, energies[record.id], paid, is_posted, sold.get(record.id))
        found.setdefault(record.attempt_id, []).append(row)
    return {attempt.pk: Work(attempt, tuple(found.get(attempt.pk, ()))) for attempt in attempts}


def find_job_works(*, jobs: Sequence[Job]) -> dict[int, Work]:
    """The charged attempts of some jobs, by the jobs' ids."""
    ids = [job.billable_attempt_id for job in jobs if job.billable_attempt_id is not None]
    works = find_works(attempts=list(_with_places().filter(pk__in=ids)))
    return {
        job.pk: works[job.billable_attempt_id]
        for job in jobs
        if job.billable_attempt_id is not None and job.billable_attempt_id in works
    }


def _with_places() -> QuerySet[Attempt]:
    return Attempt.objects.select_related(
        "job__model", "offer__model", "offer__site", "offer__organization", "card", "node"
    )


def _add(amounts: Sequence[Decimal]) -> Decimal:
    total = NOTHING
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total

"""Where rates come from: each source says what it knows, and every rate is noted once."""

import csv
import io
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from django.db import transaction

from billing import currencies
from billing.fx import central_bank
from billing.models import FxRate
from core import outgoing
from core.errors import DomainError
from core.money import PRICE_PLACES, NotAnAmount, fit, parse_decimal
from core.outgoing import GuardedTransport, Policy

# Reference rates are published around four in the afternoon in Frankfurt.
FRANKFURT = ZoneInfo("Europe/Berlin")
PUBLISHED_AT = time(16, 0)
DAYS_KEPT = 14
ECB_API = (
    "https://data-api.ecb.europa.eu/service/data/EXR/D..EUR.SP00.A"
    "?format=csvdata&detail=dataonly&startPeriod={since}"
)
POLICY = Policy(deadline_seconds=15.0, answer_bytes_max=4 * 1_048_576)

logger = logging.getLogger(__name__)


class SourceFailed(DomainError):
    """A source answered what is no list of rates."""

    status = 502
    code = "rate_source_failed"


@dataclass(frozen=True, slots=True)
class Said:
    """`rate` of `currency` are worth one of `unit`, as was said at `as_of`."""

    unit: str
    currency: str
    rate: Decimal
    as_of: datetime


class RateSource(Protocol):
    """Somebody who says what currencies are worth."""

    @property
    def name(self) -> str:
        """As rates name it: capital letters, at most 20."""

    def read(self, *, now: datetime) -> Iterable[Said]:
        """
        What was said lately, up to two weeks ago.

        :raises core.errors.DomainError: if it cannot be reached or understood
        """


class BankFile:
    """The European Central Bank's reference rates, from the file that a package carries."""

    name = "ECB"

    def read(self, *, now: datetime) -> Iterator[Said]:
        """The last days of the file up to now."""
        for day, rates in central_bank.read_days(until=now.date(), days=DAYS_KEPT):
            as_of = publish_moment(day)
            if as_of <= now:
                yield from (Said(central_bank.EURO, code, rate, as_of) for code, rate in rates.items())


class BankFeed:
    """The same rates, asked of the bank itself."""

    name = "ECB"

    def __init__(self, *, call: Callable[[str], bytes] | None = None) -> None:
        self._call = call or _call

    def read(self, *, now: datetime) -> Iterator[Said]:
        """
        What the bank published in the last two weeks.

        :raises SourceFailed: if the answer is no list of rates
        :raises core.outgoing.CallFailed: if the bank cannot be reached
        """
        body = self._call(ECB_API.format(since=now.date() - timedelta(days=DAYS_KEPT)))
        rows = csv.DictReader(io.StringIO(body.decode("utf-8", errors="replace")))
        try:
            for row in rows:
                if row["OBS_VALUE"] in ("", "NaN"):
                    continue
                as_of = publish_moment(date.fromisoformat(row["TIME_PERIOD"]))
                if as_of <= now:
                    rate = parse_decimal(row["OBS_VALUE"])
                    yield Said(central_bank.EURO, row["CURRENCY"], rate, as_of)
        except (KeyError, ValueError, NotAnAmount) as error:
            raise SourceFailed("The bank's answer is no list of rates.") from error


def note_rates(*, sources: Iterable[RateSource], now: datetime) -> int:
    """
    Note what sources said and was not noted yet; gives how many rates were new.

    A source that fails is complained of and does not keep the others from being heard.
    """
    return sum(_note(source, now) for source in sources)


def publish_moment(day: date) -> datetime:
    """When the rates of a day are published."""
    return datetime.combine(day, PUBLISHED_AT, tzinfo=FRANKFURT)


def _note(source: RateSource, now: datetime) -> int:
    known = currencies.read_all()
    try:
        said = [one for one in source.read(now=now) if one.currency in known and one.unit in known]
    except DomainError as error:
        logger.error("The source %s told no rates: %s", source.name, error)
        return 0
    rows = [
        FxRate(
            source=source.name,
            unit=one.unit,
            currency=one.currency,
            rate=fit(one.rate, PRICE_PLACES),
            as_of=one.as_of,
            noted_at=now,
            noted_by="system:fx",
        )
        for one in said
    ]
    with transaction.atomic():
        before = FxRate.objects.count()
        FxRate.objects.bulk_create(rows, ignore_conflicts=True)
        return FxRate.objects.count() - before


def _call(url: str) -> bytes:
    answer = outgoing.call(method="GET", url=url, headers={}, transport=GuardedTransport(POLICY))
    if answer.status != 200:
        raise SourceFailed(f"The bank answered {answer.status}.")
    return answer.body

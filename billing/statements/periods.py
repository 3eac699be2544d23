"""Periods that statements and reports speak of: days of UTC."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core.errors import Invalid


class PeriodInvalid(Invalid):
    """A period that ends before it begins, or whose days cannot be read."""

    code = "invalid_period"


@dataclass(frozen=True, slots=True)
class Period:
    """Days of UTC, from `since` to the one before `until`."""

    since: date
    until: date

    def __post_init__(self) -> None:
        if self.until <= self.since:
            raise PeriodInvalid("A period ends after it begins.", field="until")

    @property
    def last(self) -> date:
        """Its last day."""
        return self.until - timedelta(days=1)

    @property
    def name(self) -> str:
        """`2026-11` for a whole month, else its first and last day: for names of files."""
        if self.since.day == 1 and self.until == start_next_month(self.since):
            return f"{self.since:%Y-%m}"
        return f"{self.since}-{self.last}"


def start_next_month(day: date) -> date:
    """The first day of the month after that of `day`."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def read_period(
    *,
    since: str | None = None,
    until: str | None = None,
    last: str | None = None,
    month: str | None = None,
    now: datetime,
) -> Period:
    """
    The period of two days, or of a month (`2026-11`), as texts; without any this month so far.

    `last` is the last day, which people write; `until` the one after it.

    :raises PeriodInvalid: if one is no day, they are in the wrong order, or a month is given with days
    """
    try:
        if month:
            if since or until or last or not re.fullmatch(r"[0-9]{4}-[0-9]{2}", month):
                raise PeriodInvalid("Say a month as 2026-11, or two days.", field="month")
            first = date.fromisoformat(f"{month}-01")
            return Period(first, start_next_month(first))
        first = date.fromisoformat(since) if since else now.date().replace(day=1)
        end = date.fromisoformat(last) + timedelta(days=1) if last else now.date() + timedelta(days=1)
        end = date.fromisoformat(until) if until else end
    except (ValueError, OverflowError) as error:
        raise PeriodInvalid("Write days as 2026-11-30.") from error
    return Period(first, end)


def list_months(*, first: date, now: datetime) -> list[Period]:
    """Whole months from that of `first` to the running one, newest first."""
    months: list[Period] = []
    start = first.replace(day=1)
    while start <= now.date():
        months.append(Period(start, start_next_month(start)))
        start = months[-1].until
    return months[::-1]

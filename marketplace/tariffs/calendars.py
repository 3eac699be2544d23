"""Days: seasons of a year, types of day, and calendars that know holidays and make-up workdays."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol

from marketplace.tariffs.checks import check_label, check_name
from marketplace.tariffs.refusals import TariffInvalid

SEASONS_MAX = 24
DAY_TYPES_MAX = 24
ANY_HOLIDAY = "*"
MONTH_DAY = re.compile(r"(\d\d)-(\d\d)")
# A leap year, so that the 29th of February belongs to a season.
LEAP_YEAR = 2028
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class DayKind(StrEnum):
    """What a calendar says of a date."""

    PLAIN = "PLAIN"
    HOLIDAY = "HOLIDAY"
    MAKEUP_WORKDAY = "MAKEUP_WORKDAY"


@dataclass(frozen=True, slots=True)
class Day:
    """What a calendar says of one date; `holiday` is the holiday's name."""

    kind: DayKind = DayKind.PLAIN
    holiday: str = ""


class Calendar(Protocol):
    """Whatever knows holidays. A tariff names the calendar it needs, a site brings it."""

    @property
    def name(self) -> str: ...

    def day(self, when: date) -> Day | None:
        """Say what the date is; None where the calendar does not reach."""
        ...


@dataclass(frozen=True, slots=True)
class GivenCalendar:
    """A calendar given as data: it knows the years it names, and their holidays and make-up workdays."""

    name: str
    years: frozenset[int]
    holidays: Mapping[date, str]
    makeup_workdays: frozenset[date] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        """
        :raises TariffInvalid: for dates outside the years, or a date that is both
        """
        check_name(self.name, "name")
        for days, where in ((self.holidays, "holidays"), (self.makeup_workdays, "makeup_workdays")):
            for day in days:
                if day.year not in self.years:
                    raise TariffInvalid(f"{day} is in none of the years", field=where)
        for day in sorted(self.makeup_workdays & self.holidays.keys()):
            raise TariffInvalid(f"{day} is a holiday as well", field="makeup_workdays")

    def day(self, when: date) -> Day | None:
        """Say what the date is; None outside the years this calendar knows."""
        if when.year not in self.years:
            return None
        if when in self.holidays:
            return Day(DayKind.HOLIDAY, self.holidays[when])
        return Day(DayKind.MAKEUP_WORKDAY) if when in self.makeup_workdays else Day()


def _day_of_year(text: str, where: str) -> int:
    found = MONTH_DAY.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        return date(LEAP_YEAR, int(found[1]), int(found[2])).timetuple().tm_yday
    except ValueError:
        raise TariffInvalid(f"{text!r} is no day of the year, written MM-DD", field=where) from None


@dataclass(frozen=True, slots=True)
class Season:
    """Days of the year from MM-DD to MM-DD, both included; a range whose end comes first wraps New Year."""

    name: str
    ranges: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        """
        :raises TariffInvalid: for dates that do not exist
        """
        check_name(self.name, "name")
        if not self.ranges:
            raise TariffInvalid("a season has at least one range of days", field="ranges")
        self.days()

    def days(self) -> list[int]:
        """Return the days of a leap year, from 1, once for each range they are in."""
        found: list[int] = []
        for number, (first, last) in enumerate(self.ranges):
            begin = _day_of_year(first, f"ranges[{number}][0]")
            end = _day_of_year(last, f"ranges[{number}][1]")
            found += range(begin, end + 1) if begin <= end else [*range(begin, 367), *range(1, end + 1)]
        return found


@dataclass(frozen=True, slots=True)
class DayType:
    """
    Some weekdays (0 is Monday), perhaps with holidays and make-up workdays of whatever weekday.

    `holidays` names those that belong here, `("*",)` all that no other type names.
    """

    name: str
    weekdays: frozenset[int]
    holidays: tuple[str, ...] = ()
    makeup_workdays: bool = False

    def __post_init__(self) -> None:
        """
        :raises TariffInvalid: for a type that no day can have
        """
        check_name(self.name, "name")
        if not self.weekdays <= set(range(7)):
            raise TariffInvalid("weekdays are 0 to 6", field="weekdays")
        if not (self.weekdays or self.holidays or self.makeup_workdays):
            raise TariffInvalid("no day is of this type", field="weekdays")
        for holiday in self.holidays:
            check_label(holiday, "holidays")

    @property
    def needs_calendar(self) -> bool:
        """Whether a weekday alone does not tell who belongs here."""
        return bool(self.holidays) or self.makeup_workdays


def season_of_days(seasons: tuple[Season, ...]) -> list[str | None]:
    """
    Return the season of each day of a leap year, index 1 to 366; all None if there are no seasons.

    :raises TariffInvalid: if a day has no season, or two
    """
    found: list[str | None] = [None] * 367
    for number, season in enumerate(seasons):
        for day in season.days():
            if found[day] is not None:
                raise TariffInvalid(f"{_month_day(day)} is in season {found[day]} too", field=f"[{number}]")
            found[day] = season.name
    if seasons and None in found[1:]:
        missing = found.index(None, 1)
        raise TariffInvalid(f"{_month_day(missing)} is in no season")
    return found


def _month_day(day: int) -> str:
    return date.fromordinal(date(LEAP_YEAR, 1, 1).toordinal() + day - 1).strftime("%m-%d")


class DayTypes:
    """The types of day of a tariff, ready to tell which one a date is."""

    def __init__(self, types: tuple[DayType, ...]) -> None:
        """
        :raises TariffInvalid: if a weekday has no type, or anything has two
        """
        self._weekdays: list[str | None] = [None] * 7
        self._holidays: dict[str, str] = {}
        self._makeup: str | None = None
        for number, kind in enumerate(types):
            for weekday in sorted(kind.weekdays):
                if self._weekdays[weekday] is not None:
                    raise TariffInvalid(
                        f"{WEEKDAYS[weekday]} has a type already", field=f"[{number}].weekdays"
                    )
                self._weekdays[weekday] = kind.name
            for holiday in kind.holidays:
                if holiday in self._holidays:
                    raise TariffInvalid(f"{holiday} has a type already", field=f"[{number}].holidays")
                self._holidays[holiday] = kind.name
            if kind.makeup_workdays:
                if self._makeup is not None:
                    raise TariffInvalid(
                        "two types take make-up workdays", field=f"[{number}].makeup_workdays"
                    )
                self._makeup = kind.name
        if types and None in self._weekdays:
            raise TariffInvalid(f"{WEEKDAYS[self._weekdays.index(None)]} has no type of day")

    def type_of(self, when: date, day: Day) -> str | None:
        """Return the name of the type of a date, which the calendar says is `day`; None without types."""
        weekday = self._weekdays[when.weekday()]
        if day.kind is DayKind.HOLIDAY:
            return self._holidays.get(day.holiday, self._holidays.get(ANY_HOLIDAY, weekday))
        if day.kind is DayKind.MAKEUP_WORKDAY:
            return self._makeup or weekday
        return weekday

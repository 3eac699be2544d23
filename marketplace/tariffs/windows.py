"""Windows of local time: they cover each day of each season once, or are refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from marketplace.tariffs.checks import check_label, check_name
from marketplace.tariffs.refusals import TariffInvalid

DAY_MINUTES = 1440
WINDOWS_MAX = 2_000


def format_minute(minute: int) -> str:
    """Write a minute of the day as HH:MM; 1440 is 24:00."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


@dataclass(frozen=True, slots=True)
class Window:
    """
    Minutes `start` to `end` of the local clock, in one season and one type of day, or in all (None).

    An end that is not after the start wraps midnight: both parts belong to the day in which they lie, not
    to the one in which the window began. `value` is a multiplier, a price or kilowatts, as its owner says.
    """

    start: int
    end: int
    value: Decimal
    season: str | None = None
    day_type: str | None = None
    period: str = ""

    def __post_init__(self) -> None:
        """
        :raises TariffInvalid: for minutes that no day has
        """
        if not 0 <= self.start < DAY_MINUTES:
            raise TariffInvalid("a window starts between 00:00 and 23:59", field="start")
        if not 0 <= self.end <= DAY_MINUTES:
            raise TariffInvalid("a window ends between 00:00 and 24:00", field="end")
        if self.start == self.end:
            raise TariffInvalid("the window is empty; a whole day is 00:00 to 24:00", field="end")
        for name, where in ((self.season, "season"), (self.day_type, "day_type")):
            if name is not None:
                check_name(name, where)
        check_label(self.period, "period", empty=True)

    def spans(self) -> tuple[tuple[int, int], ...]:
        """Return the minutes of one day that it covers, as one span or two."""
        if self.end > self.start:
            return ((self.start, self.end),)
        return ((self.start, DAY_MINUTES), *([(0, self.end)] if self.end else []))


@dataclass(frozen=True, slots=True)
class Schedule:
    """Windows that together say one thing of every minute. Their order means nothing."""

    windows: tuple[Window, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.windows) <= WINDOWS_MAX:
            raise TariffInvalid(f"there are 1 to {WINDOWS_MAX} windows")

    def day(self, season: str | None, day_type: str | None) -> Iterator[tuple[int, int, int]]:
        """Yield (start, end, number of the window) for the minutes of such a day, in order of time."""
        spans = [
            (*span, number)
            for number, window in enumerate(self.windows)
            if window.season in (None, season) and window.day_type in (None, day_type)
            for span in window.spans()
        ]
        yield from sorted(spans)

    def check(self, seasons: tuple[str, ...], day_types: tuple[str, ...]) -> None:
        """
        Refuse names that do not exist, overlaps and gaps.

        :raises TariffInvalid: naming the window, or the season, type of day and time that none covers
        """
        for number, window in enumerate(self.windows):
            if window.season is not None and window.season not in seasons:
                raise TariffInvalid(f"there is no season {window.season}", field=f"[{number}].season")
            if window.day_type is not None and window.day_type not in day_types:
                raise TariffInvalid(
                    f"there is no type of day {window.day_type}", field=f"[{number}].day_type"
                )
        for season in seasons or (None,):
            for day_type in day_types or (None,):
                self._check_day(season, day_type)

    def _check_day(self, season: str | None, day_type: str | None) -> None:
        where = "".join(
            text for text, name in ((f" in {season}", season), (f" on {day_type}", day_type)) if name
        )
        reached, before = 0, -1
        for start, end, number in self.day(season, day_type):
            if start < reached:
                clash = f"windows {min(before, number)} and {max(before, number)} overlap at"
                raise TariffInvalid(
                    f"{clash} {format_minute(start)}{where}", field=f"[{max(before, number)}]"
                )
            if start > reached:
                gap = f"{format_minute(reached)} to {format_minute(start)}"
                raise TariffInvalid(f"no window covers {gap}{where}")
            reached, before = end, number
        if reached < DAY_MINUTES:
            raise TariffInvalid(f"no window covers {format_minute(reached)} to 24:00{where}")

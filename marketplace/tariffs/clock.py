"""From windows of local time to spans of UTC, through every change of the clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

from marketplace.tariffs.calendars import Calendar, Day, DayKind, DayTypes, season_of_days
from marketplace.tariffs.components import Averaging
from marketplace.tariffs.refusals import TariffInvalid
from marketplace.tariffs.tariff import Tariff, load_zone, schedule_of
from marketplace.tariffs.windows import DAY_MINUTES, Schedule, Window

DAY = 86_400
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def offset_at(zone: ZoneInfo, seconds: int) -> int:
    """Return how many seconds the clock of a zone is ahead of UTC at a moment."""
    return int(datetime.fromtimestamp(seconds, zone).replace(tzinfo=UTC).timestamp()) - seconds


def offset_pieces(zone: ZoneInfo, start: int, end: int) -> list[tuple[int, int, int]]:
    """Return (start, end, offset) of the spans between changes of the clock."""
    pieces: list[tuple[int, int, int]] = []
    begin, offset = start, offset_at(zone, start)
    for before, after in pairwise([*range(start, end, DAY), end]):
        if offset_at(zone, after) == offset:
            continue
        low, high = before, after
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset_at(zone, middle) == offset else (low, middle)
        if high < end:
            pieces.append((begin, high, offset))
            begin, offset = high, offset_at(zone, high)
    pieces.append((begin, end, offset))
    return pieces


@dataclass(frozen=True, slots=True)
class Slice:
    """A span in which every schedule stays in one window, and whether the calendar reached it."""

    start: int
    end: int
    windows: tuple[Window, ...]
    calendar_known: bool


class LocalClock:
    """The schedules of a tariff, ready to be laid over any span of time."""

    def __init__(self, tariff: Tariff, calendar: Calendar | None) -> None:
        """
        :raises TariffInvalid: if the tariff needs a calendar that is not this one
        """
        if tariff.calendar and (calendar is None or calendar.name != tariff.calendar):
            raise TariffInvalid(f"the tariff needs the calendar {tariff.calendar}", field="site.calendar")
        self.zone = load_zone(tariff.zone)
        self.owners: list[str] = []
        self._schedules: list[Schedule] = []
        if tariff.multipliers:
            self.owners.append("")
            self._schedules.append(tariff.multipliers)
        for part in tariff.components:
            if (schedule := schedule_of(part)) is not None:
                self.owners.append(part.name)
                self._schedules.append(schedule)
        self._calendar = calendar if tariff.calendar else None
        self._seasons = season_of_days(tariff.seasons)
        self._day_types = DayTypes(tariff.day_types)
        self._patterns: dict[tuple[str | None, str | None], list[tuple[int, int, tuple[Window, ...]]]] = {}

    def slices(self, start: int, end: int) -> list[Slice]:
        """Return the slices of a span, in order, without gap; equal neighbours are one."""
        if not self._schedules:
            return [Slice(start, end, (), True)]
        found: list[Slice] = []
        for begin, stop, windows, known in self._spans(start, end):
            last = found[-1] if found else None
            if last and last.windows is windows and last.calendar_known is known:
                found[-1] = Slice(last.start, stop, windows, known)
            else:
                found.append(Slice(begin, stop, windows, known))
        return found

    def _spans(self, start: int, end: int) -> Iterator[tuple[int, int, tuple[Window, ...], bool]]:
        # Between two changes of the clock local time runs evenly, so a day that lacks an hour or has one
        # twice is simply two pieces of a day.
        interned: dict[tuple[int, ...], tuple[Window, ...]] = {}
        for begin, stop, offset in offset_pieces(self.zone, start, end):
            for number in range((begin + offset) // DAY, (stop + offset - 1) // DAY + 1):
                pattern, known = self._pattern(date.fromordinal(EPOCH_ORDINAL + number))
                midnight = number * DAY - offset
                for first, last, windows in pattern:
                    low, high = max(begin, midnight + 60 * first), min(stop, midnight + 60 * last)
                    if low < high:
                        same = interned.setdefault(tuple(map(id, windows)), windows)
                        yield low, high, same, known

    def _pattern(self, when: date) -> tuple[list[tuple[int, int, tuple[Window, ...]]], bool]:
        day = self._calendar.day(when) if self._calendar else Day()
        # Where the calendar does not reach, a day counts by its weekday, and is marked as assumed.
        kind = self._day_types.type_of(when, day or Day(DayKind.PLAIN))
        season = self._seasons[when.replace(year=2028).timetuple().tm_yday]
        key = (season, kind)
        if key not in self._patterns:
            self._patterns[key] = merge_days(
                [list(one.day(*key)) for one in self._schedules], self._schedules
            )
        return self._patterns[key], day is not None


def merge_days(
    days: list[list[tuple[int, int, int]]], schedules: list[Schedule]
) -> list[tuple[int, int, tuple[Window, ...]]]:
    """Return the minutes of a day cut wherever one of the schedules changes, with the window of each."""
    cuts = sorted({DAY_MINUTES, *(start for spans in days for start, _, _ in spans)})
    places = [0] * len(days)
    merged = []
    for start, end in pairwise(cuts):
        for number, spans in enumerate(days):
            while spans[places[number]][1] <= start:
                places[number] += 1
        windows = tuple(
            schedules[number].windows[spans[places[number]][2]] for number, spans in enumerate(days)
        )
        merged.append((start, end, windows))
    return merged


def periods(zone: ZoneInfo, span: tuple[int, int], averaging: Averaging, back: int = 0) -> list[int]:
    """
    Return the edges of the whole periods that contain a span; days and months are those of the zone.

    Of days and months, `back` more come before.
    """
    start, end = span
    if averaging in (Averaging.DAY, Averaging.MONTH):
        return _local_periods(zone, start, end, averaging, back)
    step = 60 * int(averaging)
    edges: list[int] = []
    for begin, stop, offset in offset_pieces(zone, start, end):
        first = (begin + offset) // step * step - offset
        edges.append(begin if edges else first)
        edges += range(first + step, stop, step)
    offset = offset_at(zone, end - 1)
    edges.append(-((-end - offset) // step) * step - offset)
    return edges


def _local_periods(zone: ZoneInfo, start: int, end: int, averaging: Averaging, back: int) -> list[int]:
    first = datetime.fromtimestamp(start, zone).date()
    last = datetime.fromtimestamp(end - 1, zone).date()
    if averaging is Averaging.DAY:
        days = [date.fromordinal(n) for n in range(first.toordinal() - back, last.toordinal() + 2)]
    else:
        months = range(first.year * 12 + first.month - 1 - back, last.year * 12 + last.month + 1)
        days = [date(n // 12, n % 12 + 1, 1) for n in months]
    return [int(datetime.combine(day, time(), zone).timestamp()) for day in days]

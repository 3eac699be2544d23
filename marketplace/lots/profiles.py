"""
When a power lot delivers: always, at the same hours of each day, or a volume for each span. Pure.

A profile is a document: `{"shape": "BASELOAD"}`, `{"shape": "DAILY", "start": "09:00", "end": "17:00",
"zone": "Asia/Shanghai"}`, or `{"shape": "SERIES", "steps": [{"start": …, "end": …, "kw": "300"}]}` with
moments in ISO 8601. An end of a day that is not after its start lies on the next.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from core.errors import Invalid
from core.money import NotAnAmount, fit, parse_decimal
from core.quantities import ROUNDING

WINDOWS_MAX = 1_000
KW_PLACES = 3
DAY = timedelta(days=1)


class ProfileInvalid(Invalid):
    """A profile that says no time, or more than its lot."""

    code = "invalid_profile"


@dataclass(frozen=True, slots=True)
class Window:
    """So many kW from `start` to `end`, in UTC."""

    start: datetime
    end: datetime
    kw: Decimal


def lay_out(*, profile: Mapping[str, Any], start: datetime, end: datetime, kw: Decimal) -> tuple[Window, ...]:
    """
    The windows of a lot of `kw` from `start` to `end`, in order, none over another.

    :raises ProfileInvalid: naming the field that cannot be meant
    """
    shape = profile.get("shape")
    allowed = {"BASELOAD": set(), "DAILY": {"start", "end", "zone"}, "SERIES": {"steps"}}
    if not isinstance(shape, str) or shape not in allowed:
        raise ProfileInvalid("A shape is BASELOAD, DAILY or SERIES.", field="profile.shape")
    if unknown := profile.keys() - {"shape"} - allowed[shape]:
        raise ProfileInvalid(f"{shape} has no such field.", field=f"profile.{min(map(str, unknown))[:64]}")
    if shape == "BASELOAD":
        windows = [Window(start, end, kw)]
    elif shape == "DAILY":
        windows = list(_list_days(profile, start, end, kw))
    else:
        windows = sorted(_read_steps(profile, start, end, kw), key=lambda one: one.start)
    if not 1 <= len(windows) <= WINDOWS_MAX:
        raise ProfileInvalid(f"A lot delivers in 1 to {WINDOWS_MAX} windows.", field="profile")
    if any(after.start < before.end for before, after in pairwise(windows)):
        raise ProfileInvalid("Two of the steps overlap.", field="profile.steps")
    return tuple(windows)


def share_out(*, windows: tuple[Window, ...], kw: Decimal, of: Decimal) -> tuple[Window, ...]:
    """What `kw` of a lot of `of` kW deliver; never more in sum than the lot, so parts are rounded down."""
    parts = []
    for one in windows:
        share = ROUNDING.divide(ROUNDING.multiply(one.kw, kw), of)
        part = share.quantize(Decimal(1).scaleb(-KW_PLACES), rounding=ROUND_FLOOR)
        if part > 0:
            parts.append(Window(one.start, one.end, part))
    return tuple(parts)


def _list_days(profile: Mapping[str, Any], start: datetime, end: datetime, kw: Decimal) -> Iterator[Window]:
    zone_name = profile.get("zone")
    if not isinstance(zone_name, str) or zone_name not in available_timezones():
        raise ProfileInvalid("A daily window has an IANA time zone.", field="profile.zone")
    zone = ZoneInfo(zone_name)
    first, last = _read_time(profile, "start"), _read_time(profile, "end")
    if end - start > WINDOWS_MAX * DAY:
        raise ProfileInvalid(f"A lot delivers in 1 to {WINDOWS_MAX} windows.", field="profile")
    day: date = (start.astimezone(zone) - DAY).date()
    while day <= end.astimezone(zone).date():
        final = day if last > first else day + DAY
        opens = max(datetime.combine(day, first, zone).astimezone(UTC), start)
        closes = min(datetime.combine(final, last, zone).astimezone(UTC), end)
        if opens < closes:
            yield Window(opens, closes, kw)
        day += DAY


def _read_time(profile: Mapping[str, Any], name: str) -> time:
    try:
        read = time.fromisoformat(str(profile.get(name)))
    except ValueError:
        read = None
    if read is None or read.second or read.microsecond or read.tzinfo:
        raise ProfileInvalid("A time of day is written as 09:30.", field=f"profile.{name}")
    return read


def _read_steps(profile: Mapping[str, Any], start: datetime, end: datetime, kw: Decimal) -> Iterator[Window]:
    steps = profile.get("steps")
    if not isinstance(steps, list) or len(steps) > WINDOWS_MAX:
        raise ProfileInvalid(f"Steps are a list of 1 to {WINDOWS_MAX}.", field="profile.steps")
    for number, step in enumerate(steps):
        where = f"profile.steps[{number}]"
        if not isinstance(step, dict) or step.keys() != {"start", "end", "kw"}:
            raise ProfileInvalid("A step has start, end and kw.", field=where)
        opens, closes = (_read_moment(step[name], f"{where}.{name}") for name in ("start", "end"))
        if not start <= opens < closes <= end:
            raise ProfileInvalid("A step lies within its lot and ends after it starts.", field=where)
        try:
            volume = fit(parse_decimal(step["kw"] if isinstance(step["kw"], str) else ""), KW_PLACES)
        except NotAnAmount:
            raise ProfileInvalid("Write kW as a string with at most three places.", field=where) from None
        if not 0 < volume <= kw:
            raise ProfileInvalid("A step has more than nothing and no more than its lot.", field=where)
        yield Window(opens, closes, volume)


def _read_moment(text: object, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment.microsecond:
        raise ProfileInvalid("A moment is written as 2026-05-01T04:00:00Z.", field=where)
    return moment.astimezone(UTC)

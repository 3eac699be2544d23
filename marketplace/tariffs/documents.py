"""
A tariff as a JSON document: what files and REST carry, and what its content hash is of.

A refusal is a `TariffInvalid` whose `field` is the path to what is wrong, `components[2].windows[1].end`.
"""

import hashlib
import json
from dataclasses import Field, fields
from datetime import date
from decimal import Decimal
from typing import Any

from marketplace.tariffs.calendars import ANY_HOLIDAY, WEEKDAYS, DayType, GivenCalendar, Season
from marketplace.tariffs.codec import (
    Codec,
    inside,
    read_date,
    read_flag,
    read_integer,
    read_list,
    read_object,
    read_text,
)
from marketplace.tariffs.components import Component, Kind
from marketplace.tariffs.refusals import TariffInvalid
from marketplace.tariffs.supplies import DrEvent
from marketplace.tariffs.tariff import SHAPES, Tariff
from marketplace.tariffs.windows import DAY_MINUTES, WINDOWS_MAX, Schedule, Window, format_minute

FORMAT = "jouleport-tariff/1"
BYTES_MAX = 1_000_000
CALENDAR_DAYS_MAX = 10_000


def parse_tariff(document: object) -> Tariff:
    """
    Read a tariff from its document.

    :raises TariffInvalid: naming the path to what is wrong
    """
    given = dict(read_object(document))
    if given.pop("format", None) != FORMAT:
        raise TariffInvalid(f"expected {FORMAT}", field="format")
    return CODEC.read(Tariff, given)


def parse_text(text: str | bytes) -> Tariff:
    """
    Read a tariff from JSON.

    :raises TariffInvalid: if it is too large, no JSON, says a key twice, or is no tariff
    """
    return parse_tariff(load_json(text))


def load_json(text: str | bytes) -> Any:
    """
    Load JSON in which no object says a key twice and no number is other than whole.

    :raises TariffInvalid: for anything else
    """
    if len(text) > BYTES_MAX:
        raise TariffInvalid(f"a document has at most {BYTES_MAX} bytes")
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_float=_refuse_number, parse_constant=_refuse_number
        )
    except (ValueError, RecursionError):
        raise TariffInvalid("this is no JSON") from None


def write_tariff(tariff: Tariff) -> dict[str, Any]:
    """Write a tariff as its document, in one spelling: equal tariffs, equal documents."""
    return {"format": FORMAT, **CODEC.write(tariff)}


def content_hash(*, tariff: Tariff) -> str:
    """Return the digest that names this version: the same inputs, the same hash, whatever their spelling."""
    text = json.dumps(write_tariff(tariff), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def parse_event(document: object) -> DrEvent:
    """
    Read a demand-response event.

    :raises TariffInvalid: naming the path to what is wrong
    """
    return CODEC.read(DrEvent, document)


def write_event(event: DrEvent) -> dict[str, Any]:
    """Write a demand-response event as its document."""
    return CODEC.write(event)


def parse_calendar(document: object) -> GivenCalendar:
    """
    Read a calendar: its name, the years it knows, holidays (date to name) and make-up workdays.

    :raises TariffInvalid: naming the path to what is wrong
    """
    given = dict(read_object(document))
    for key in given.keys() - {"name", "years", "holidays", "makeup_workdays", "source", "retrieved_on"}:
        raise TariffInvalid("is not known here", field=key[:64])
    for key in ("name", "years", "holidays"):
        if key not in given:
            raise TariffInvalid("is missing", field=key)
    with inside("years"):
        years = frozenset(read_integer(year) for year in read_list(given["years"], 200))
    holidays: dict[date, str] = {}
    with inside("holidays"):
        said = read_object(given["holidays"])
        if len(said) > CALENDAR_DAYS_MAX:
            raise TariffInvalid(f"at most {CALENDAR_DAYS_MAX} days are read")
        for day, name in said.items():
            with inside(day[:32]):
                holidays[read_date(day)] = read_text(name)
    with inside("makeup_workdays"):
        days = frozenset(map(read_date, read_list(given.get("makeup_workdays", []), CALENDAR_DAYS_MAX)))
    return GivenCalendar(read_text(given["name"]), years, holidays, days)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise TariffInvalid("is said twice", field=twice[:64])
    return found


def _refuse_number(text: str) -> Decimal:
    raise TariffInvalid(f'write {text[:32]} as a string: "{text[:32]}"')


def _read_component(value: object, _: Field[Any]) -> Component:
    given = read_object(value)
    if "kind" not in given:
        raise TariffInvalid("is missing", field="kind")
    kind = given["kind"]
    if not isinstance(kind, str) or kind not in tuple(Kind):
        raise TariffInvalid(f"expected one of {', '.join(Kind)}", field="kind")
    return CODEC.read(SHAPES[Kind(kind)], given)


def _write_component(part: Component, _: Field[Any]) -> dict[str, Any]:
    # The flag is always written: whoever reads a tariff wants to see it at every component.
    return {"kind": part.kind.value, "floats": part.floats, **CODEC.write(part)}


def _read_schedule(value: object, one: Field[Any]) -> Schedule:
    name = one.metadata["value"]
    windows = []
    for number, item in enumerate(read_list(value, WINDOWS_MAX)):
        with inside(f"[{number}]"):
            windows.append(_read_window(item, name))
    return Schedule(tuple(windows))


WINDOW_FIELDS = {one.name: one for one in fields(Window)}


def _read_window(value: object, name: str) -> Window:
    given = dict(read_object(value))
    if "value" in given:
        raise TariffInvalid("is not known here", field="value")
    if name not in given:
        raise TariffInvalid("is missing", field=name)
    given["value"] = given.pop(name)
    for key in ("start", "end"):
        if key in given:
            with inside(key):
                given[key] = _read_minute(given[key])
    try:
        return CODEC.read(Window, given)
    except TariffInvalid as refusal:
        if refusal.field == "value":
            raise TariffInvalid(refusal.problem, field=name) from None
        raise


def _read_minute(value: object) -> int:
    text = read_text(value)
    hours, colon, minutes = text.partition(":")
    if (
        colon
        and len(hours) == len(minutes) == 2
        and (hours + minutes).isascii()
        and (hours + minutes).isdigit()
    ):
        minute = 60 * int(hours) + int(minutes)
        if int(minutes) < 60 and minute <= DAY_MINUTES:
            return minute
    raise TariffInvalid("expected a time of day, 00:00 to 24:00")


def _write_schedule(schedule: Schedule, one: Field[Any]) -> list[dict[str, Any]]:
    # The order of windows means nothing, so they are written in one order.
    written = []
    for window in sorted(schedule.windows, key=lambda w: (w.season or "", w.day_type or "", w.start, w.end)):
        said = CODEC.write(window)
        said[one.metadata["value"]] = said.pop("value")
        written.append({**said, "start": format_minute(window.start), "end": format_minute(window.end)})
    return written


def _read_day_type(value: object, _: Field[Any]) -> DayType:
    given = dict(read_object(value))
    for key in given.keys() - {one.name for one in fields(DayType)}:
        raise TariffInvalid("is not known here", field=key[:64])
    if "name" not in given:
        raise TariffInvalid("is missing", field="name")
    with inside("weekdays"):
        names = [read_text(name) for name in read_list(given.get("weekdays", []), 7)]
        for number, name in enumerate(names):
            if name not in WEEKDAYS or name in names[:number]:
                raise TariffInvalid(
                    f"expected each of {', '.join(WEEKDAYS)} at most once", field=f"[{number}]"
                )
    with inside("holidays"):
        said = given.get("holidays", False)
        any_of_them = (ANY_HOLIDAY,) if said is True else ()
        holidays = any_of_them if isinstance(said, bool) else tuple(map(read_text, read_list(said, 100)))
    with inside("makeup_workdays"):
        makeup = read_flag(given.get("makeup_workdays", False))
    return DayType(
        read_text(given["name"]), frozenset(WEEKDAYS.index(name) for name in names), holidays, makeup
    )


def _write_day_type(kind: DayType, _: Field[Any]) -> dict[str, Any]:
    holidays: bool | list[str] = True if kind.holidays == (ANY_HOLIDAY,) else sorted(kind.holidays)
    return {
        "name": kind.name,
        "weekdays": [WEEKDAYS[number] for number in sorted(kind.weekdays)],
        **({"holidays": holidays} if holidays else {}),
        **({"makeup_workdays": True} if kind.makeup_workdays else {}),
    }


def _read_season(value: object, _: Field[Any]) -> Season:
    given = read_object(value)
    for key in given.keys() - {"name", "ranges"}:
        raise TariffInvalid("is not known here", field=key[:64])
    for key in ("name", "ranges"):
        if key not in given:
            raise TariffInvalid("is missing", field=key)
    ranges = []
    for number, pair in enumerate(read_list(given["ranges"], 100)):
        with inside(f"ranges[{number}]"):
            days = [read_text(day) for day in read_list(pair, 2)]
            if len(days) != 2:
                raise TariffInvalid("expected the first and the last day, MM-DD")
            ranges.append((days[0], days[1]))
    return Season(read_text(given["name"]), tuple(ranges))


def _write_season(season: Season, _: Field[Any]) -> dict[str, Any]:
    return {"name": season.name, "ranges": [list(days) for days in season.ranges]}


CODEC = Codec(
    readers={
        Component: _read_component,
        Schedule: _read_schedule,
        DayType: _read_day_type,
        Season: _read_season,
    },
    writers={
        **dict.fromkeys(SHAPES.values(), _write_component),
        Schedule: _write_schedule,
        DayType: _write_day_type,
        Season: _write_season,
    },
)

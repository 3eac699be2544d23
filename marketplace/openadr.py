"""
Demand response in the shape of OpenADR 3 (user guide and definitions 3.1): events that ask for less load or
more, and our own prices and carbon as events that others may follow. Pure; imports no Django.

Of an event are read: `eventName`, `programID`, and of each interval its period and three payloads.
`DISPATCH_SETPOINT_RELATIVE` is kW beside the load that would be there, negative where load is to be shed;
`PRICE` what a delivered kWh earns; `PENALTY_PRICE`, a payload of ours, what one costs that was asked for and
is not delivered. An interval without a period of its own follows the one before for as long.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

from core.errors import Invalid
from core.money import NotAnAmount, parse_decimal
from core.quantities import format_plain
from marketplace.outlooks import Stretch
from marketplace.tariffs.supplies import Direction

SETPOINT, PRICE, PENALTY, GHG = "DISPATCH_SETPOINT_RELATIVE", "PRICE", "PENALTY_PRICE", "GHG"
INTERVALS_MAX = 96
NAME_MAX = 120
DAYS_MAX = 31
DURATION = re.compile(
    r"P(?:(?P<days>\d{1,3})D)?"
    r"(?:T(?:(?P<hours>\d{1,4})H)?(?:(?P<minutes>\d{1,5})M)?(?:(?P<seconds>\d{1,6})S)?)?"
)


class EventInvalid(Invalid):
    """An event that cannot be meant, or asks for what is not understood here."""

    code = "invalid_event"


@dataclass(frozen=True, slots=True)
class Wish:
    """
    One interval of an event: load to be shed or raised by up to `kw`, and what is paid for it per kWh, in
    the currency of the site's tariff.
    """

    start: datetime
    end: datetime
    direction: Direction
    kw: Decimal
    pay_per_kwh: Decimal
    penalty_per_kwh: Decimal


@dataclass(frozen=True, slots=True)
class Event:
    """What an event is called, by which programme, and its intervals in the order of time."""

    name: str
    programme: str
    wishes: tuple[Wish, ...]


def read_event(document: Mapping[str, Any]) -> Event:
    """
    Read an event.

    :raises EventInvalid: naming the field
    """
    if document.get("objectType", "EVENT") != "EVENT":
        _refuse("objectType", "is EVENT")
    name, programme = (_read_name(document, field) for field in ("eventName", "programID"))
    listed = document.get("intervals")
    if not isinstance(listed, list) or not 1 <= len(listed) <= INTERVALS_MAX:
        _refuse("intervals", f"are 1 to {INTERVALS_MAX}")
    whole = _read_period(document.get("intervalPeriod"), "intervalPeriod")
    wishes: list[Wish] = []
    for number, interval in enumerate(listed):
        where = f"intervals[{number}]"
        if not isinstance(interval, Mapping):
            _refuse(where, "is an object")
        own = _read_period(interval.get("intervalPeriod"), f"{where}.intervalPeriod")
        period = own or (_follow(wishes[-1]) if wishes else whole)
        if period is None:
            _refuse(f"{where}.intervalPeriod", "is missing, and the event has none")
        if wishes and period[0] < wishes[-1].end:
            _refuse(f"{where}.intervalPeriod", "begins before the interval before it ends")
        wishes.append(_read_wish(interval, period, where))
    return Event(name, programme, tuple(wishes))


def write_prices(
    *, name: str, programme: str, currency: str, stretches: Iterable[Stretch], made_at: datetime
) -> dict[str, Any]:
    """An event with the price of each stretch per kWh, and the grid's grams where they are known."""
    intervals = []
    for number, stretch in enumerate(stretches):
        payloads = [{"type": PRICE, "values": [format_plain(stretch.price)]}]
        if stretch.grams is not None:
            payloads.append({"type": GHG, "values": [format_plain(stretch.grams.per_kwh)]})
        period = {"start": _write_moment(stretch.start), "duration": _write_span(stretch.start, stretch.end)}
        intervals.append({"id": number, "intervalPeriod": period, "payloads": payloads})
    return {
        "objectType": "EVENT",
        "programID": programme,
        "eventName": name,
        "createdDateTime": _write_moment(made_at),
        "payloadDescriptors": [
            {
                "objectType": "EVENT_PAYLOAD_DESCRIPTOR",
                "payloadType": PRICE,
                "units": "KWH",
                "currency": currency,
            },
            {"objectType": "EVENT_PAYLOAD_DESCRIPTOR", "payloadType": GHG, "units": "GHG"},
        ],
        "intervals": intervals,
    }


def _read_name(document: Mapping[str, Any], field: str) -> str:
    text = document.get(field, "")
    if not isinstance(text, str) or not 1 <= len(text) <= NAME_MAX or not text.isprintable():
        _refuse(field, f"is a text of 1 to {NAME_MAX} characters")
    return text


def _read_period(document: object, where: str) -> tuple[datetime, datetime] | None:
    if document is None:
        return None
    if not isinstance(document, Mapping):
        _refuse(where, "is an object with start and duration")
    try:
        start = datetime.fromisoformat(str(document.get("start", "")))
    except ValueError:
        _refuse(f"{where}.start", "is a moment in ISO 8601")
    if start.utcoffset() is None or start.microsecond:
        _refuse(f"{where}.start", "is a whole second with an offset from UTC")
    found = DURATION.fullmatch(str(document.get("duration", "")))
    parts = {name: int(text) for name, text in found.groupdict().items() if text} if found else {}
    span = timedelta(**parts)
    if not timedelta(0) < span <= timedelta(days=DAYS_MAX):
        _refuse(f"{where}.duration", f"is a duration such as PT2H, at most {DAYS_MAX} days")
    return start, start + span


def _follow(before: Wish) -> tuple[datetime, datetime]:
    return before.end, before.end + (before.end - before.start)


def _read_wish(interval: Mapping[str, Any], period: tuple[datetime, datetime], where: str) -> Wish:
    listed = interval.get("payloads")
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        _refuse(f"{where}.payloads", "is a list of objects")
    given = {str(one.get("type")): one.get("values") for one in listed}
    if unknown := given.keys() - {SETPOINT, PRICE, PENALTY}:
        _refuse(f"{where}.payloads", f"has {min(unknown)[:64]}, which is not understood here")
    if SETPOINT not in given:
        _refuse(f"{where}.payloads", f"needs {SETPOINT}")
    kw = _read_value(given[SETPOINT], f"{where}.payloads.{SETPOINT}")
    if not kw:
        _refuse(f"{where}.payloads.{SETPOINT}", "asks for nothing")
    pay, penalty = (
        _read_value(given[kind], f"{where}.payloads.{kind}") if kind in given else Decimal(0)
        for kind in (PRICE, PENALTY)
    )
    for kind, amount in ((PRICE, pay), (PENALTY, penalty)):
        if amount < 0:
            _refuse(f"{where}.payloads.{kind}", "is not less than zero")
    return Wish(*period, Direction.SHED if kw < 0 else Direction.FILL, abs(kw), pay, penalty)


def _read_value(values: object, where: str) -> Decimal:
    """The one number of a payload; JSON numbers are read as they are written."""
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != 1:
        _refuse(where, "has one value")
    value = values[0]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        _refuse(where, "is a number")
    try:
        return parse_decimal(value if isinstance(value, str) else repr(value))
    except NotAnAmount:
        _refuse(where, "is a number")


def _write_moment(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _write_span(start: datetime, end: datetime) -> str:
    return f"PT{(end - start) // timedelta(seconds=1)}S"


def _refuse(field: str, problem: str) -> NoReturn:
    raise EventInvalid(f"{field} {problem}.", field=field)

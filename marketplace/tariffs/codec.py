"""
Records to and from JSON, by the annotations of their fields; every refusal names the path to the field.

Numbers are decimal strings, moments ISO 8601 with an offset, choices upper-case words. What is left out has
its default; what is not known is refused.
"""

import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, Field, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from core.money import NotAnAmount, parse_decimal
from core.quantities import format_plain
from marketplace.tariffs.refusals import TariffInvalid

ITEMS_MAX = 2_000
TEXT_MAX = 2_000


@contextmanager
def inside(path: str) -> Iterator[None]:
    """Prefix the path of every refusal."""
    try:
        yield
    except TariffInvalid as refusal:
        raise refusal.within(path) from None


def read_decimal(value: object) -> Decimal:
    """
    Read a decimal string.

    :raises TariffInvalid: for numbers (they may have been rounded on the way) and everything else
    """
    if not isinstance(value, str):
        raise TariffInvalid('expected a decimal as a string, such as "0.30"')
    try:
        return parse_decimal(value)
    except NotAnAmount as refusal:
        raise TariffInvalid(str(refusal)) from None


def read_text(value: object) -> str:
    """
    Read a short text.

    :raises TariffInvalid: for anything else
    """
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise TariffInvalid(f"expected a text of at most {TEXT_MAX} characters")
    return value


def read_integer(value: object) -> int:
    """
    Read a whole number.

    :raises TariffInvalid: for anything else
    """
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 10**12:
        raise TariffInvalid("expected a whole number")
    return value


def read_flag(value: object) -> bool:
    """
    Read true or false.

    :raises TariffInvalid: for anything else
    """
    if not isinstance(value, bool):
        raise TariffInvalid("expected true or false")
    return value


def read_date(value: object) -> date:
    """
    Read YYYY-MM-DD.

    :raises TariffInvalid: for anything else
    """
    try:
        if not isinstance(value, str) or len(value) != 10:
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise TariffInvalid("expected a date, written YYYY-MM-DD") from None


def read_moment(value: object) -> datetime:
    """
    Read a moment with its offset, as UTC.

    :raises TariffInvalid: for anything else
    """
    try:
        if not isinstance(value, str) or len(value) > 40:
            raise ValueError
        moment = datetime.fromisoformat(value)
        if moment.utcoffset() is None:
            raise ValueError
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise TariffInvalid("expected a moment with its offset, such as 2030-01-15T12:00:00Z") from None


def read_list(value: object, most: int = ITEMS_MAX) -> list[Any]:
    """
    Read a list that is not too long.

    :raises TariffInvalid: for anything else
    """
    if not isinstance(value, list):
        raise TariffInvalid("expected a list")
    if len(value) > most:
        raise TariffInvalid(f"a list of {len(value)}, at most {most} are read")
    return value


def read_object(value: object) -> Mapping[str, Any]:
    """
    Read an object.

    :raises TariffInvalid: for anything else
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TariffInvalid("expected an object")
    return value


def write_moment(moment: datetime) -> str:
    """Write a moment in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


READERS: dict[Any, Callable[[object], Any]] = {
    Decimal: read_decimal,
    str: read_text,
    int: read_integer,
    bool: read_flag,
    date: read_date,
    datetime: read_moment,
}
WRITERS: dict[type, Callable[[Any], Any]] = {
    Decimal: format_plain,
    datetime: write_moment,
    date: date.isoformat,
    frozenset: sorted,
}


class Codec:
    """Reads and writes records; `readers` and `writers` are for types that are written in their own way."""

    def __init__(
        self,
        readers: Mapping[type, Callable[[object, Field[Any]], Any]],
        writers: Mapping[type, Callable[[Any, Field[Any]], Any]],
    ) -> None:
        self._readers, self._writers = readers, writers

    def read[T](self, kind: type[T], value: object) -> T:
        """
        Read a record.

        :raises TariffInvalid: naming the path to what is wrong
        """
        given = dict(read_object(value))
        known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
        for key in given:
            if key not in known:
                raise TariffInvalid(
                    f"{key[:64]!r} is not known here; there are {', '.join(known)}", field=key[:64]
                )
        hints = _hints(kind)  # type: ignore[arg-type]
        found: dict[str, Any] = {}
        for name, one in known.items():
            if name in given:
                with inside(name):
                    found[name] = self._value(hints[name], given[name], one)
            elif one.default is MISSING and one.default_factory is MISSING:
                raise TariffInvalid("is missing", field=name)
        return kind(**found)

    def _value(self, hint: Any, value: object, one: Field[Any]) -> Any:
        if get_origin(hint) in (Union, types.UnionType):
            if value is None:
                raise TariffInvalid("leave it out instead of null")
            hint = next(option for option in get_args(hint) if option is not type(None))
        if hint in self._readers:
            return self._readers[hint](value, one)
        if hint in READERS:
            return READERS[hint](value)
        if get_origin(hint) is tuple:
            found = []
            for number, item in enumerate(read_list(value)):
                with inside(f"[{number}]"):
                    found.append(self._value(get_args(hint)[0], item, one))
            return tuple(found)
        if issubclass(hint, Enum):
            try:
                return hint(value)
            except ValueError:
                raise TariffInvalid(
                    f"expected one of {', '.join(str(choice.value) for choice in hint)}"
                ) from None
        return self.read(hint, value)

    def write(self, record: Any) -> dict[str, Any]:
        """Write a record as JSON; what has its default is left out."""
        written: dict[str, Any] = {}
        for one in fields(record):
            value = getattr(record, one.name)
            if one.default is not MISSING and value == one.default:
                continue
            written[one.name] = self._write_value(value, one)
        return written

    def _write_value(self, value: Any, one: Field[Any]) -> Any:
        if type(value) in self._writers:
            return self._writers[type(value)](value, one)
        if isinstance(value, Enum):
            return value.value
        if isinstance(value, tuple):
            return [self._write_value(item, one) for item in value]
        if type(value) in WRITERS:
            return WRITERS[type(value)](value)
        if isinstance(value, str | int):
            return value
        return self.write(value)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)

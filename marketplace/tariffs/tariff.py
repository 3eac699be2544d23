"""A tariff: what electricity costs somewhere, by whose word. And the site that uses it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.money import CURRENCY
from marketplace.tariffs.calendars import (
    DAY_TYPES_MAX,
    SEASONS_MAX,
    Calendar,
    DayType,
    DayTypes,
    Season,
    season_of_days,
)
from marketplace.tariffs.checks import AMOUNT_MAX, KW_MAX, check_label, check_name, check_number
from marketplace.tariffs.components import (
    MULTIPLIER_MAX,
    Component,
    Indexed,
    Kind,
    Percentage,
    Rate,
    Tiered,
)
from marketplace.tariffs.monthly import Capacity, Credit, Demand, FixedMonth, MinimumBill
from marketplace.tariffs.refusals import TariffInvalid
from marketplace.tariffs.supplies import Ppa, Surplus
from marketplace.tariffs.windows import WINDOWS_MAX, Schedule

COMPONENTS_MAX = 64
YEAR_MIN, YEAR_MAX = 1990, 2200
NESTING_MAX = 3
"""How deep percentages of percentages may go, so that every product stays exact."""

SHAPES: dict[Kind, type[Component]] = {
    Kind.FIXED_ENERGY: Rate,
    Kind.TOU_ENERGY: Rate,
    Kind.INDEX_ENERGY: Indexed,
    Kind.TIERED: Tiered,
    Kind.PPA: Ppa,
    Kind.SURPLUS: Surplus,
    Kind.TRANSPORT: Rate,
    Kind.LEVY: Rate,
    Kind.LOSS_PCT: Percentage,
    Kind.TAX_PCT: Percentage,
    Kind.CREDIT: Credit,
    Kind.FIXED_MONTH: FixedMonth,
    Kind.DEMAND: Demand,
    Kind.CAPACITY: Capacity,
    Kind.MIN_BILL: MinimumBill,
}
COVERING = frozenset((Kind.FIXED_ENERGY, Kind.TOU_ENERGY, Kind.INDEX_ENERGY, Kind.TIERED))
"""Kinds that have a price at every moment; a tariff has at least one, so that no price is of nothing."""

REPLACEABLE = COVERING | {Kind.TRANSPORT, Kind.LEVY}
MONTHLY = frozenset((Kind.FIXED_MONTH, Kind.DEMAND, Kind.CAPACITY, Kind.MIN_BILL))


class Grade(StrEnum):
    """How good the evidence is: A primary, B press, C one page, K common knowledge, S computed here."""

    A = "A"
    B = "B"
    C = "C"
    K = "K"
    S = "S"


@cache
def load_zone(name: str) -> ZoneInfo:
    """
    Return an IANA zone.

    :raises TariffInvalid: if there is no such zone
    """
    try:
        if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", name):
            raise ValueError
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise TariffInvalid(f"there is no time zone {name!r}", field="zone") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """
    One version of a tariff; immutable, and told from every other by its content hash.

    Windows are on the clock of `zone`. It is in force from midnight of `valid_from` there to midnight of
    `valid_to`, the first day on which it no longer is. `multipliers` move the components that float.
    """

    name: str
    version: int
    currency: str
    zone: str
    valid_from: date
    components: tuple[Component, ...]
    valid_to: date | None = None
    calendar: str = ""
    seasons: tuple[Season, ...] = ()
    day_types: tuple[DayType, ...] = ()
    multipliers: Schedule | None = field(default=None, metadata={"value": "multiplier"})
    source_url: str = ""
    retrieved_on: date | None = None
    grade: Grade = Grade.K
    verified: bool = False

    def __post_init__(self) -> None:
        """
        :raises TariffInvalid: naming the field that cannot be meant
        """
        check_name(self.name, "name")
        if not 1 <= self.version <= 10**9:
            raise TariffInvalid("versions count from 1", field="version")
        if not CURRENCY.fullmatch(self.currency):
            raise TariffInvalid("expected a currency code such as CNY", field="currency")
        load_zone(self.zone)
        for day, where in ((self.valid_from, "valid_from"), (self.valid_to, "valid_to")):
            if day is not None and not YEAR_MIN <= day.year <= YEAR_MAX:
                raise TariffInvalid(f"years are {YEAR_MIN} to {YEAR_MAX}", field=where)
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise TariffInvalid("a version ends after it begins", field="valid_to")
        if len(self.source_url) > 2000 or not self.source_url.isprintable():
            raise TariffInvalid("expected an address of at most 2000 characters", field="source_url")
        self._check_days()
        self._check_components()
        self._check_schedules()

    def _check_days(self) -> None:
        for things, most, where in (
            (self.seasons, SEASONS_MAX, "seasons"),
            (self.day_types, DAY_TYPES_MAX, "day_types"),
        ):
            if len(things) > most:
                raise TariffInvalid(f"there are at most {most}", field=where)
            names = [thing.name for thing in things]
            for number, name in enumerate(names):
                if name in names[:number]:
                    raise TariffInvalid(f"{name} is there already", field=f"{where}[{number}].name")
        try:
            season_of_days(self.seasons)
        except TariffInvalid as refusal:
            raise refusal.within("seasons") from None
        try:
            DayTypes(self.day_types)
        except TariffInvalid as refusal:
            raise refusal.within("day_types") from None
        if any(kind.needs_calendar for kind in self.day_types):
            if not self.calendar:
                raise TariffInvalid("holidays and make-up workdays need a calendar", field="calendar")
            check_name(self.calendar, "calendar")
        elif self.calendar:
            raise TariffInvalid("no type of day asks the calendar", field="calendar")

    def _check_components(self) -> None:
        if not 1 <= len(self.components) <= COMPONENTS_MAX:
            raise TariffInvalid(f"there are 1 to {COMPONENTS_MAX} components", field="components")
        depth: dict[str, int] = {}
        kinds: dict[str, Kind] = {part.name: part.kind for part in self.components}
        for number, part in enumerate(self.components):
            where = f"components[{number}]"
            if part.name in depth:
                raise TariffInvalid(f"{part.name} is there already", field=f"{where}.name")
            depth[part.name] = 0
            if isinstance(part, Percentage | MinimumBill):
                for place, name in enumerate(part.of):
                    _check_reference(part, name, depth, kinds, f"{where}.of[{place}]")
            if isinstance(part, Percentage):
                depth[part.name] = 1 + max(depth[name] for name in part.of)
                if depth[part.name] > NESTING_MAX:
                    raise TariffInvalid(
                        f"percentages of percentages go at most {NESTING_MAX} deep", field=f"{where}.of"
                    )
            for place, name in enumerate(part.replaces if isinstance(part, Ppa | Surplus) else ()):
                if kinds.get(name) not in REPLACEABLE:
                    raise TariffInvalid(
                        f"{name} is no energy, transport or levy of this tariff",
                        field=f"{where}.replaces[{place}]",
                    )
        if not COVERING & set(kinds.values()):
            raise TariffInvalid(
                f"one of {', '.join(sorted(COVERING))} must price the moments that nothing else does",
                field="components",
            )

    def _check_schedules(self) -> None:
        seasons = tuple(season.name for season in self.seasons)
        day_types = tuple(kind.name for kind in self.day_types)
        for number, window in enumerate(self.multipliers.windows if self.multipliers else ()):
            check_number(window.value, f"multipliers[{number}].multiplier", most=MULTIPLIER_MAX, zero=False)
        if self.multipliers and not any(part.floats for part in self.components):
            raise TariffInvalid("there are multipliers, and no component floats", field="multipliers")
        if sum(len(schedule.windows) for _, schedule in self.schedules()) > WINDOWS_MAX:
            raise TariffInvalid(f"there are at most {WINDOWS_MAX} windows in all", field="components")
        for where, schedule in self.schedules():
            try:
                schedule.check(seasons, day_types)
            except TariffInvalid as refusal:
                raise refusal.within(where) from None

    def schedules(self) -> Iterator[tuple[str, Schedule]]:
        """Yield every schedule with the path to it."""
        if self.multipliers:
            yield "multipliers", self.multipliers
        for number, part in enumerate(self.components):
            if (schedule := schedule_of(part)) is not None:
                inside = "volume.windows" if isinstance(part, Ppa) else "windows"
                yield f"components[{number}].{inside}", schedule

    def in_force(self) -> tuple[datetime, datetime | None]:
        """Return from when and until when it is in force."""
        zone = load_zone(self.zone)
        begin = datetime.combine(self.valid_from, time(), zone)
        return begin, None if self.valid_to is None else datetime.combine(self.valid_to, time(), zone)


def schedule_of(part: Component) -> Schedule | None:
    """Return the windows of a component, if it has any."""
    if isinstance(part, Rate):
        return part.windows
    return part.volume.windows if isinstance(part, Ppa) else None


def _check_reference(
    part: Component, name: str, earlier: dict[str, int], kinds: dict[str, Kind], where: str
) -> None:
    if name == part.name or name not in earlier:
        raise TariffInvalid(f"{name} is no component before this one", field=where)
    if part.kind is Kind.LOSS_PCT and kinds[name] in MONTHLY | {Kind.TAX_PCT}:
        raise TariffInvalid("losses are of what a kilowatt-hour costs before tax", field=where)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSite:
    """
    What a tariff must know of who uses it; each figure only if a component asks for it.

    `load_kw` is the load that is there anyway: the next kilowatt-hour is drawn above it. `kwh_month` is what
    a month is expected to use, and `capacity_kva` what is installed.
    """

    name: str
    currency: str
    calendar: Calendar | None = None
    load_kw: Decimal = Decimal(0)
    kwh_month: Decimal | None = None
    contract_kw: Decimal | None = None
    capacity_kva: Decimal | None = None
    power_factor: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        """
        :raises TariffInvalid: naming the field that cannot be meant
        """
        check_label(self.name, "name")
        check_number(self.load_kw, "load_kw", most=KW_MAX)
        for value, most, where in (
            (self.kwh_month, AMOUNT_MAX, "kwh_month"),
            (self.contract_kw, KW_MAX, "contract_kw"),
            (self.capacity_kva, KW_MAX, "capacity_kva"),
        ):
            if value is not None:
                check_number(value, where, most=most, zero=False)
        check_number(self.power_factor, "power_factor", most=Decimal(1), zero=False)

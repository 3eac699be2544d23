"""
What a tariff is the sum of. Every component has a name, a kind, and a flag whether multipliers move it.

Here are those that a kilowatt-hour costs; what a month costs is in `monthly`, what a supplier delivers in
`supplies`.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from core.quantities import EXACT
from marketplace.tariffs.checks import AMOUNT_MAX, check_label, check_name, check_number, check_percent
from marketplace.tariffs.refusals import TariffInvalid
from marketplace.tariffs.series import Forecast
from marketplace.tariffs.windows import Schedule

TIERS_MAX = 20
LAG_MINUTES_MAX = 366 * 24 * 60
MULTIPLIER_MAX = Decimal(20)


class Kind(StrEnum):
    """Kinds of component."""

    FIXED_ENERGY = "FIXED_ENERGY"
    TOU_ENERGY = "TOU_ENERGY"
    INDEX_ENERGY = "INDEX_ENERGY"
    TIERED = "TIERED"
    PPA = "PPA"
    SURPLUS = "SURPLUS"
    TRANSPORT = "T&D"
    LEVY = "LEVY"
    LOSS_PCT = "LOSS_PCT"
    TAX_PCT = "TAX_PCT"
    CREDIT = "CREDIT"
    FIXED_MONTH = "FIXED_MONTH"
    DEMAND = "DEMAND"
    CAPACITY = "CAPACITY"
    MIN_BILL = "MIN_BILL"


FLOATING = frozenset(
    (
        *(Kind.FIXED_ENERGY, Kind.TOU_ENERGY, Kind.INDEX_ENERGY, Kind.PPA, Kind.TRANSPORT, Kind.LEVY),
        Kind.LOSS_PCT,
    )
)
"""Kinds that a multiplier may move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """What all components have. `floats`: multipliers move it; `source` says where it is from."""

    name: str
    kind: Kind
    floats: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """
        Refuse figures that cannot be meant.

        :raises TariffInvalid: naming the field
        """
        check_name(self.name, "name")
        check_label(self.source, "source", empty=True)
        if self.floats and self.kind not in FLOATING:
            raise TariffInvalid(f"a multiplier never moves {self.kind}", field="floats")

    def require_kind(self, *kinds: Kind) -> None:
        """
        Refuse a kind that this shape is not for.

        :raises TariffInvalid: naming the kind
        """
        if self.kind not in kinds:
            raise TariffInvalid(f"{self.kind} has another shape", field="kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate(Component):
    """Energy, transport or a levy at a stated price per kWh: one `price`, or one for each window."""

    price: Decimal | None = None
    windows: Schedule | None = field(default=None, metadata={"value": "price"})

    def check(self) -> None:
        """
        Refuse figures that cannot be meant.

        :raises TariffInvalid: naming the field
        """
        Component.check(self)
        self.require_kind(Kind.FIXED_ENERGY, Kind.TOU_ENERGY, Kind.TRANSPORT, Kind.LEVY)
        if (self.price is None) is (self.windows is None):
            raise TariffInvalid("there is either one price or a list of windows", field="price")
        if self.kind is Kind.TOU_ENERGY and self.windows is None:
            raise TariffInvalid("TOU_ENERGY has windows", field="windows")
        if self.kind is Kind.FIXED_ENERGY and self.price is None:
            raise TariffInvalid("FIXED_ENERGY has one price", field="price")
        if self.price is not None:
            check_number(self.price, "price", zero=False)
        for number, window in enumerate(self.windows.windows if self.windows else ()):
            check_number(window.value, f"windows[{number}].price")


class Averaging(StrEnum):
    """Over what an index is averaged, on the local clock."""

    MINUTES_5 = "5"
    MINUTES_15 = "15"
    MINUTES_30 = "30"
    HOUR = "60"
    DAY = "DAY"
    MONTH = "MONTH"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexTerm:
    """
    A price per kWh made of an index: clamp(a * index + b), `floor` and `cap` being the bounds.

    The index is taken per kWh (a series per MWh is divided by 1000). It is that of `lag_minutes` earlier, and
    averaged; of a day's or month's average the one `lag_periods` back.
    """

    series: str
    a: Decimal = Decimal(1)
    b: Decimal = Decimal(0)
    floor: Decimal | None = None
    cap: Decimal | None = None
    lag_minutes: int = 0
    averaging: Averaging | None = None
    lag_periods: int = 0
    forecast: Forecast | None = None

    def __post_init__(self) -> None:
        """
        :raises TariffInvalid: naming the field
        """
        check_label(self.series, "series")
        check_number(self.a, "a", most=Decimal(1000), zero=False)
        check_number(self.b, "b", least=None)
        for value, where in ((self.floor, "floor"), (self.cap, "cap")):
            if value is not None:
                check_number(value, where, least=None)
        if self.floor is not None and self.cap is not None and self.floor > self.cap:
            raise TariffInvalid("the floor is above the cap", field="floor")
        if not 0 <= self.lag_minutes <= LAG_MINUTES_MAX:
            raise TariffInvalid(f"a lag has 0 to {LAG_MINUTES_MAX} minutes", field="lag_minutes")
        if not 0 <= self.lag_periods <= 12:
            raise TariffInvalid("a lag has 0 to 12 periods", field="lag_periods")
        if self.lag_periods and self.averaging not in (Averaging.DAY, Averaging.MONTH):
            raise TariffInvalid("periods are the days or months of an average", field="lag_periods")

    def price_of(self, index: Decimal) -> Decimal:
        """Return the price per kWh for an index per kWh."""
        price = EXACT.add(EXACT.multiply(self.a, index), self.b)
        if self.floor is not None and price < self.floor:
            return self.floor
        return self.cap if self.cap is not None and price > self.cap else price


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed(Component):
    """Energy at an indexed price."""

    term: IndexTerm

    def check(self) -> None:
        """
        Refuse figures that cannot be meant.

        :raises TariffInvalid: naming the field
        """
        Component.check(self)
        self.require_kind(Kind.INDEX_ENERGY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentage(Component):
    """
    Losses or a tax: so many per cent of the components `of`, all of which come earlier.

    Losses that float are of the prices as multiplied; losses that do not are of the prices before. A tax is
    always of what is charged.
    """

    percent: Decimal
    of: tuple[str, ...]

    def check(self) -> None:
        """
        Refuse figures that cannot be meant.

        :raises TariffInvalid: naming the field
        """
        Component.check(self)
        self.require_kind(Kind.LOSS_PCT, Kind.TAX_PCT)
        check_percent(self.percent, "percent")
        check_names(self.of, "of")


def check_names(names: tuple[str, ...], field: str) -> None:
    """
    Refuse an empty list of names, or one that says a name twice.

    :raises TariffInvalid: naming `field`
    """
    if not names:
        raise TariffInvalid("name at least one component", field=field)
    for number, name in enumerate(names):
        check_name(name, f"{field}[{number}]")
        if name in names[:number]:
            raise TariffInvalid(f"{name} is named twice", field=f"{field}[{number}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A price per kWh up to so many kWh of a month; None: without end."""

    price: Decimal
    up_to_kwh: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiered(Component):
    """Energy whose price depends on how much of the month's was used already."""

    tiers: tuple[Tier, ...]

    def check(self) -> None:
        """
        Refuse figures that cannot be meant.

        :raises TariffInvalid: naming the field
        """
        Component.check(self)
        self.require_kind(Kind.TIERED)
        if not 1 <= len(self.tiers) <= TIERS_MAX:
            raise TariffInvalid(f"there are 1 to {TIERS_MAX} tiers", field="tiers")
        reached = Decimal(0)
        for number, tier in enumerate(self.tiers):
            check_number(tier.price, f"tiers[{number}].price")
            last = number == len(self.tiers) - 1
            if (tier.up_to_kwh is None) is not last:
                raise TariffInvalid(
                    "the last tier, and no other, has no end", field=f"tiers[{number}].up_to_kwh"
                )
            if tier.up_to_kwh is not None:
                check_number(tier.up_to_kwh, f"tiers[{number}].up_to_kwh", most=AMOUNT_MAX, zero=False)
                if tier.up_to_kwh <= reached:
                    raise TariffInvalid(
                        "each tier ends above the one before", field=f"tiers[{number}].up_to_kwh"
                    )
                reached = tier.up_to_kwh

    def price_at(self, kwh: Decimal) -> Decimal:
        """Return the price of one more kWh when so many of the month's are used."""
        for tier in self.tiers:
            if tier.up_to_kwh is None or kwh < tier.up_to_kwh:
                return tier.price
        raise AssertionError("the last tier has no end")

    def cost_of(self, kwh: Decimal) -> Decimal:
        """Return what so many kWh of one month cost, exactly."""
        cost, reached = Decimal(0), Decimal(0)
        for tier in self.tiers:
            end = kwh if tier.up_to_kwh is None else min(kwh, tier.up_to_kwh)
            if end > reached:
                cost = EXACT.add(cost, EXACT.multiply(EXACT.subtract(end, reached), tier.price))
                reached = end
        return cost

"""Power that comes beside the grid's tariff: purchase agreements, surplus lots, demand-response events."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from marketplace.tariffs.checks import AMOUNT_MAX, KW_MAX, check_label, check_name, check_number
from marketplace.tariffs.components import Component, IndexTerm, Kind, check_names
from marketplace.tariffs.refusals import TariffInvalid
from marketplace.tariffs.series import Forecast, to_seconds
from marketplace.tariffs.windows import Schedule

LOTS_MAX = 2_000
NOTICE_SECONDS_MAX = 31 * 86_400


class Shape(StrEnum):
    """What volume a purchase agreement delivers."""

    AS_PRODUCED = "AS_PRODUCED"
    BASELOAD = "BASELOAD"
    PROFILE = "PROFILE"


class Settlement(StrEnum):
    """Whether power is delivered, or only the difference to an index is paid."""

    PHYSICAL = "PHYSICAL"
    CFD = "CFD"


class Matching(StrEnum):
    """Over what span production is held against use, for claims about where power is from."""

    HOURLY = "HOURLY"
    ANNUAL = "ANNUAL"


class Firmness(StrEnum):
    """How sure a surplus lot is."""

    FIRM = "FIRM"
    INTERRUPTIBLE = "INTERRUPTIBLE"
    FORECAST = "FORECAST"


class Direction(StrEnum):
    """What a demand-response event asks for: less load, or more."""

    SHED = "SHED"
    FILL = "FILL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """
    Kilowatts of a purchase agreement: `kw` at all times, kW of each window, or a metered series in kW.

    Of a series the site has `share_percent`.
    """

    kw: Decimal | None = None
    windows: Schedule | None = field(default=None, metadata={"value": "kw"})
    series: str = ""
    share_percent: Decimal = Decimal(100)
    forecast: Forecast | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ppa(Component):
    """
    A power purchase agreement at `strike` per kWh.

    PHYSICAL: each kWh of it stands in for the components it `replaces` (behind the meter all, from afar only
    energy); what the load needs beyond its volume is the residual, at the rest of the tariff. CFD: strike
    minus `reference` is paid on the volume, whatever is used.
    """

    shape: Shape
    strike: Decimal
    volume: Volume
    settlement: Settlement = Settlement.PHYSICAL
    matching: Matching = Matching.ANNUAL
    replaces: tuple[str, ...] = ()
    reference: IndexTerm | None = None

    def check(self) -> None:
        """
        Refuse figures that cannot be meant.

        :raises TariffInvalid: naming the field
        """
        Component.check(self)
        self.require_kind(Kind.PPA)
        check_number(self.strike, "strike")
        self._check_volume()
        if self.settlement is Settlement.CFD:
            if self.reference is None or self.replaces:
                raise TariffInvalid("a CFD has a reference and replaces nothing", field="reference")
            if self.floats:
                raise TariffInvalid("a CFD does not float", field="floats")
        else:
            if self.reference is not None:
                raise TariffInvalid("only a CFD has a reference", field="reference")
            check_names(self.replaces, "replaces")

    def _check_volume(self) -> None:
        said = {
            Shape.BASELOAD: self.volume.kw is not None,
            Shape.PROFILE: self.volume.windows is not None,
            Shape.AS_PRODUCED: bool(self.volume.series),
        }
        if not said[self.shape] or sum(said.values()) != 1:
            wanted = {Shape.BASELOAD: "kw", Shape.PROFILE: "windows", Shape.AS_PRODUCED: "series"}[self.shape]
            raise TariffInvalid(f"{self.shape} has {wanted}, and no other volume", field=f"volume.{wanted}")
        if self.volume.kw is not None:
            check_number(self.volume.kw, "volume.kw", most=KW_MAX, zero=False)
        for number, window in enumerate(self.volume.windows.windows if self.volume.windows else ()):
            check_number(window.value, f"volume.windows[{number}].kw", most=KW_MAX)
        check_label(self.volume.series, "volume.series", empty=True)
        check_number(self.volume.share_percent, "volume.share_percent", most=Decimal(100), zero=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """
    Surplus power from `start` to `end` (UTC): up to `kw` at `price` per kWh, which may be negative.

    `notice_seconds` is how long before an interruption it is called.
    """

    start: datetime
    end: datetime
    kw: Decimal
    price: Decimal
    firmness: Firmness = Firmness.INTERRUPTIBLE
    notice_seconds: int = 0
    min_take_kwh: Decimal = Decimal(0)
    source: str = ""

    def __post_init__(self) -> None:
        """
        :raises TariffInvalid: naming the field
        """
        if to_seconds(self.end) <= to_seconds(self.start):
            raise TariffInvalid("a lot ends after it starts", field="end")
        check_number(self.kw, "kw", most=KW_MAX, zero=False)
        check_number(self.price, "price", least=None)
        check_number(self.min_take_kwh, "min_take_kwh", most=AMOUNT_MAX)
        check_label(self.source, "source", empty=True)
        if not 0 <= self.notice_seconds <= NOTICE_SECONDS_MAX:
            raise TariffInvalid(f"notice is 0 to {NOTICE_SECONDS_MAX} seconds", field="notice_seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surplus(Component):
    """Lots of surplus power, each of whose kWh stands in for the components it `replaces`."""

    lots: tuple[Lot, ...]
    replaces: tuple[str, ...]

    def check(self) -> None:
        """
        Refuse figures that cannot be meant.

        :raises TariffInvalid: naming the field
        """
        Component.check(self)
        self.require_kind(Kind.SURPLUS)
        check_names(self.replaces, "replaces")
        if not 1 <= len(self.lots) <= LOTS_MAX:
            raise TariffInvalid(f"there are 1 to {LOTS_MAX} lots", field="lots")
        ordered = sorted(enumerate(self.lots), key=lambda pair: pair[1].start)
        for (earlier, before), (later, after) in pairwise(ordered):
            if after.start < before.end:
                raise TariffInvalid(
                    f"lots {earlier} and {later} overlap", field=f"lots[{max(earlier, later)}]"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class DrEvent:
    """
    A demand-response event: less (SHED) or more (FILL) load than `baseline_kw`, by up to `kw`.

    What is delivered earns `pay_per_kwh`; what of `kw` is not costs `penalty_per_kwh`. `pay_per_kw_month` is
    earned once a month and programme for standing ready.
    """

    uid: str
    start: datetime
    end: datetime
    direction: Direction
    kw: Decimal
    baseline_kw: Decimal | None = None
    pay_per_kwh: Decimal = Decimal(0)
    pay_per_kw_month: Decimal = Decimal(0)
    penalty_per_kwh: Decimal = Decimal(0)
    programme: str = ""

    def __post_init__(self) -> None:
        """
        :raises TariffInvalid: naming the field
        """
        check_name(self.uid, "uid")
        check_label(self.programme, "programme", empty=True)
        if to_seconds(self.end) <= to_seconds(self.start):
            raise TariffInvalid("an event ends after it starts", field="end")
        check_number(self.kw, "kw", most=KW_MAX, zero=False)
        if self.baseline_kw is not None:
            check_number(self.baseline_kw, "baseline_kw", most=KW_MAX)
        for value, where in (
            (self.pay_per_kwh, "pay_per_kwh"),
            (self.pay_per_kw_month, "pay_per_kw_month"),
            (self.penalty_per_kwh, "penalty_per_kwh"),
        ):
            check_number(value, where)

"""What is asked of a tariff: which span, at which site, with which series and events."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from core.money import CurrencyMismatch
from marketplace.tariffs.components import Indexed, IndexTerm
from marketplace.tariffs.refusals import NotInForce, TariffInvalid
from marketplace.tariffs.series import Column, PriceSeries, to_seconds
from marketplace.tariffs.supplies import DrEvent, Ppa
from marketplace.tariffs.tariff import YEAR_MAX, PowerSite, Tariff

SPAN_SECONDS_MAX = 5 * 366 * 86_400
EVENTS_MAX = 10_000
END_MAX = to_seconds(datetime(YEAR_MAX, 1, 1, tzinfo=UTC))


class Reading(StrEnum):
    """
    Which kilowatt-hour is priced: the next one above the site's load, or the mean one of that load.

    COST is for bills: what the load of each interval costs, not divided by it.
    """

    MARGINAL = "MARGINAL"
    MEAN = "MEAN"
    COST = "COST"


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that decides what a span costs."""

    tariff: Tariff
    site: PowerSite
    start: int
    end: int
    series: Mapping[str, PriceSeries]
    events: tuple[DrEvent, ...]
    reading: Reading
    load: Column | None = None

    def check(self) -> None:
        """
        Refuse a span, site or currency that the tariff is not for.

        :raises TariffInvalid, NotInForce, CurrencyMismatch: accordingly
        """
        if not 0 < self.end - self.start <= SPAN_SECONDS_MAX:
            raise TariffInvalid("a span ends after it starts, within five years", field="end")
        if self.end > END_MAX:
            raise TariffInvalid(f"nothing is priced after {YEAR_MAX}", field="end")
        if len(self.events) > EVENTS_MAX:
            raise TariffInvalid(f"there are at most {EVENTS_MAX} events", field="events")
        if self.site.currency != self.tariff.currency:
            raise CurrencyMismatch(
                f"the site counts in {self.site.currency}, the tariff in {self.tariff.currency}"
            )
        begin, stop = self.tariff.in_force()
        label = f"{self.tariff.name}, version {self.tariff.version}"
        if self.start < to_seconds(begin):
            raise NotInForce(f"{label}, is in force only from {begin.isoformat()}")
        if stop is not None and self.end > to_seconds(stop):
            raise NotInForce(f"{label}, is in force only until {stop.isoformat()}")

    def terms(self) -> dict[str, IndexTerm]:
        """Return the index term of each component that has one which counts here."""
        found = {part.name: part.term for part in self.tariff.components if isinstance(part, Indexed)}
        if self.reading is not Reading.MARGINAL:
            found |= {
                part.name: part.reference
                for part in self.tariff.components
                if isinstance(part, Ppa) and part.reference is not None
            }
        return found

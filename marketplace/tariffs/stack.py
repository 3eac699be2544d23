"""Supplies beside the grid, in the order in which a load takes them: agreements first, then lots by price."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from core.quantities import EXACT
from marketplace.tariffs.cells import ONE, ZERO, Taken
from marketplace.tariffs.monthly import PERCENT
from marketplace.tariffs.questions import Question, Reading
from marketplace.tariffs.refusals import FigureMissing, TariffInvalid
from marketplace.tariffs.series import Basis, Column, SeriesUnit, resolve, to_seconds
from marketplace.tariffs.supplies import Firmness, Lot, Ppa, Settlement, Surplus
from marketplace.tariffs.windows import Window

type Assumed = tuple[tuple[str, Basis], ...]


@dataclass(frozen=True, slots=True)
class Lots:
    """The lots of one component, in order of time."""

    part: Surplus
    starts: list[int]
    ends: list[int]
    lots: list[Lot]

    @classmethod
    def of(cls, part: Surplus) -> "Lots":
        """Return the lots of a component."""
        lots = sorted(part.lots, key=lambda lot: lot.start)
        return cls(part, [to_seconds(lot.start) for lot in lots], [to_seconds(lot.end) for lot in lots], lots)

    def at(self, moment: int) -> Lot | None:
        """Return the lot of a moment, if there is one."""
        place = bisect_right(self.starts, moment) - 1
        return self.lots[place] if place >= 0 and moment < self.ends[place] else None


@dataclass(frozen=True, slots=True)
class Stack:
    """The supplies of a question; `volumes` are kW of agreements whose volume is a series."""

    question: Question
    agreements: tuple[Ppa, ...]
    lots: tuple[Lots, ...]
    volumes: Mapping[str, Column]

    @classmethod
    def of(cls, question: Question) -> "Stack":
        """
        Return the supplies that count for a question.

        :raises PriceUnknown: if nothing says what an agreement delivers
        :raises FigureMissing: if a mean is asked for and the site names no load
        """
        agreements = tuple(
            part
            for part in question.tariff.components
            if isinstance(part, Ppa)
            and (part.settlement is Settlement.PHYSICAL or question.reading is not Reading.MARGINAL)
        )
        lots = tuple(Lots.of(part) for part in question.tariff.components if isinstance(part, Surplus))
        if question.reading is Reading.MEAN and not question.site.load_kw and (agreements or lots):
            name = agreements[0].name if agreements else lots[0].part.name
            raise FigureMissing("a mean price needs load_kw of the site", component=name)
        volumes = {part.name: _volume(part, question) for part in agreements if part.volume.series}
        return cls(question, agreements, lots, volumes)

    def edges(self) -> set[int]:
        """Return every moment at which a volume, a lot or the load may change."""
        found = {edge for column in self.volumes.values() for edge in column.edges}
        for some in self.lots:
            found.update(some.starts, some.ends)
        if self.question.load is not None:
            found.update(self.question.load.edges)
        return found

    def total_at(self, moment: int) -> Decimal:
        """Return for how many kW costs are counted: one, unless supplies make a mean depend on the load."""
        if self.question.reading is Reading.MARGINAL or not (self.agreements or self.lots):
            return ONE
        return self._load_at(moment)

    def _load_at(self, moment: int) -> Decimal:
        load = self.question.load
        return self.question.site.load_kw if load is None else _value_at(load, moment)[0]

    def take(self, moment: int, windows: Mapping[str, Window]) -> tuple[tuple[Taken, ...], Assumed]:
        """Return what is taken at a moment, and on which assumptions about volumes."""
        if not (self.agreements or self.lots):
            return (), ()
        load = self._load_at(moment)
        offers, assumed = self._offers(moment, windows)
        taken: list[Taken] = []
        marginal = self.question.reading is Reading.MARGINAL
        with localcontext(EXACT):
            reached = ZERO
            for offer, consumed in offers:
                if not consumed:
                    taken.append(offer)
                    continue
                before, reached = reached, reached + offer.kw
                if marginal and reached > load:
                    return (_so_much(offer, ONE),), assumed
                if not marginal and before < load:
                    taken.append(_so_much(offer, min(offer.kw, load - before)))
        return tuple(taken), assumed

    def _offers(self, moment: int, windows: Mapping[str, Window]) -> tuple[list[tuple[Taken, bool]], Assumed]:
        """Return what is on offer, each with whether it is consumed (a CFD is only settled)."""
        offers: list[tuple[Taken, bool]] = []
        assumed: list[tuple[str, Basis]] = []
        for part in self.agreements:
            kw = part.volume.kw
            if part.name in self.volumes:
                produced, basis = _value_at(self.volumes[part.name], moment)
                kw = EXACT.multiply(produced, EXACT.multiply(part.volume.share_percent, PERCENT))
                if basis is not Basis.KNOWN:
                    assumed.append((part.name, basis))
            elif kw is None:
                kw = windows[part.name].value
            offer = Taken(part.name, max(kw, ZERO), part.strike, part.replaces, part.source)
            offers.append((offer, part.settlement is Settlement.PHYSICAL))
        found = [(some.part, lot) for some in self.lots if (lot := some.at(moment)) is not None]
        for surplus, lot in sorted(found, key=lambda pair: pair[1].price):
            offers.append((Taken(surplus.name, lot.kw, lot.price, surplus.replaces, lot.source), True))
            if lot.firmness is Firmness.FORECAST:
                assumed.append((surplus.name, Basis.FORECAST_SERIES))
        return offers, tuple(assumed)


def _so_much(offer: Taken, kw: Decimal) -> Taken:
    return Taken(offer.component, kw, offer.price, offer.replaces, offer.source)


def _value_at(column: Column, moment: int) -> tuple[Decimal, Basis]:
    place = bisect_right(column.edges, moment) - 1
    value = column.values[place]
    return (ZERO if value is None else value), column.bases[place]


def _volume(part: Ppa, question: Question) -> Column:
    given = question.series
    for name in (part.volume.series, part.volume.forecast.series if part.volume.forecast else ""):
        if name in given and given[name].unit is not SeriesUnit.KW:
            raise TariffInvalid(f"component {part.name}: {name} is a price, no volume", field="series")
    return resolve(
        name=part.volume.series,
        forecast=part.volume.forecast,
        series=given,
        span=(question.start, question.end),
        component=part.name,
    )

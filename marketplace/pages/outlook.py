"""A model's prices ahead as a page shows them: lines of a chart, a table of stretches, bars."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import groupby, pairwise

from django.urls import reverse

from core.quantities import ROUNDING
from marketplace.ahead import Region, Seller, group_regions, recall_sellers
from marketplace.asks import Ask, Lowest
from marketplace.models import Offer, PriceCard
from marketplace.pages.bars import Bar, Priced, draw_bars
from marketplace.pages.steps import Chart, Drawn, Step, draw_steps

AHEAD = timedelta(hours=48)
# More lines than that cannot be told apart.
LINES_MAX = 6
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """A region with its line; `highest` is the dearest that it will be."""

    region: Region
    drawn: Drawn
    highest: Lowest


@dataclass(frozen=True, slots=True)
class Period:
    """What each region's cheapest offer costs from `start` to `end`; None where nothing is for sale."""

    start: datetime
    end: datetime
    asks: tuple[Ask | None, ...]


@dataclass(frozen=True, slots=True)
class Days:
    """Regions of one currency: a chart, its lines, and the same as a table."""

    currency: str
    chart: Chart
    lines: tuple[Line, ...]
    periods: tuple[Period, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """All that is known ahead of a model, from `start` to `end`."""

    start: datetime
    end: datetime
    days: tuple[Days, ...]
    bars: tuple[Bar, ...]
    sellers: tuple[Seller, ...]

    @property
    def has_surplus(self) -> bool:
        """Whether anything is shaded."""
        return any(line.drawn.shades for days in self.days for line in days.lines)


def find_outlook(*, slug: str, now: datetime, zone: tzinfo) -> Outlook:
    """The next 48 hours of a model."""
    start, end = now, now + AHEAD
    sellers = recall_sellers(slug=slug, start=start, end=end)
    # What was found a moment ago may begin a moment ago.
    regions = group_regions(sellers, start=start, end=end)
    days = tuple(
        _make_days(currency, list(group), start, end, zone)
        for currency, group in groupby(regions, key=lambda region: region.currency)
    )
    return Outlook(start, end, days, tuple(draw_regions(regions)), tuple(sellers))


def draw_regions(regions: Iterable[Region]) -> list[Bar]:
    """What a million output tokens cost now at the cheapest offer of each region, and why."""
    cheapest = []
    for region in regions:
        cards = [seller.card for seller in region.sellers if seller.card]
        if cards:
            cheapest.append(min(cards, key=lambda card: card.output_price))
    return draw_bars(describe_card(card, address=_find_page(card)) for card in cheapest[:LINES_MAX])


def describe_card(card: PriceCard, *, address: str = "") -> Priced:
    """What a bar of a card is drawn of, and the address of the page that has more."""
    site = card.offer.site
    return Priced(
        title=f"{site.region}, {site.country}",
        about=f"{site.name} · {card.offer.organization.name}",
        currency=card.currency,
        breakdown=card.explained,
        address=address,
    )


def _find_page(card: PriceCard) -> str:
    return reverse("quote-page", args=[card.uid])


def draw_sellers(sellers: Iterable[Seller], *, unit: str) -> list[Bar]:
    """Bars of every offer of a unit that can be bought now."""
    kind = "output" if unit == Offer.Unit.TOKEN else "chip_second"
    cards = [seller.card for seller in sellers if seller.card and seller.unit == unit]
    return draw_bars((describe_card(card, address=_find_page(card)) for card in cards), kind=kind)


def _make_days(
    currency: str, regions: Sequence[Region], start: datetime, end: datetime, zone: tzinfo
) -> Days:
    shown = regions[:LINES_MAX]
    chart = draw_steps(
        [[_make_step(one) for one in region.lowest] for region in shown], start=start, end=end, zone=zone
    )
    lines = tuple(
        Line(region, drawn, max(region.lowest, key=lambda one: one.ask.output))
        for region, drawn in zip(shown, chart.lines, strict=True)
    )
    return Days(currency, chart, lines, tuple(_list_periods(shown)), len(regions) - len(shown))


def _make_step(lowest: Lowest) -> Step:
    ask = lowest.ask
    return Step(lowest.start, lowest.end, ROUNDING.multiply(ask.output, MILLION), ask.surplus)


def _list_periods(regions: Sequence[Region]) -> Iterable[Period]:
    edges = sorted({edge for region in regions for one in region.lowest for edge in (one.start, one.end)})
    for start, end in pairwise(edges):
        yield Period(start, end, tuple(_find_ask(region.lowest, start) for region in regions))


def _find_ask(lowest: Iterable[Lowest], moment: datetime) -> Ask | None:
    return next((one.ask for one in lowest if one.start <= moment < one.end), None)

"""The sources there are, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from marketplace.feeds import electricity_maps, energy_charts, entsoe, octopus
from marketplace.feeds.points import Reading, Span
from marketplace.feeds.requests import Request


@dataclass(frozen=True, slots=True)
class Source:
    """
    How one source is asked and read.

    `key` names the environment variable of its key, empty where none is needed. `ahead` is how far beyond now
    there may be something to fetch.
    """

    make_request: Callable[[str, Span, str], Request]
    read_answer: Callable[[bytes, str], Reading]
    kind: str
    key: str = ""
    ahead: timedelta = timedelta(0)


# Day-ahead auctions publish until the end of tomorrow.
TOMORROW = timedelta(days=2)

SOURCES: Mapping[str, Source] = {
    "energy-charts": Source(energy_charts.make_request, energy_charts.read_answer, "PRICE", ahead=TOMORROW),
    "octopus": Source(octopus.make_request, octopus.read_answer, "PRICE", ahead=TOMORROW),
    "entsoe": Source(
        entsoe.make_request, entsoe.read_answer, "PRICE", key="JOULEPORT_ENTSOE_TOKEN", ahead=TOMORROW
    ),
    "electricity-maps": Source(
        electricity_maps.make_request,
        electricity_maps.read_answer,
        "CARBON",
        key="JOULEPORT_ELECTRICITY_MAPS_TOKEN",
    ),
}

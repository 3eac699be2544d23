"""What must be said wherever a site's prices are shown: that they are illustrative, synthetic, unverified."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Any

from marketplace.models import Series, SiteEnergy, SiteTariff
from marketplace.reference.examples import read_tariff_examples
from marketplace.tariffs.documents import content_hash


class Caveat(StrEnum):
    """Why a price proves less than others."""

    SYNTHETIC = "synthetic"
    """The price of electricity, or its carbon, follows a series that was made up."""
    ILLUSTRATIVE = "illustrative"
    """The tariff is an example of ours, part of which is assumed."""
    UNVERIFIED = "unverified"
    """Nobody but the provider says that this is the tariff."""


def list_caveats(*, sites: Iterable[int]) -> dict[int, frozenset[Caveat]]:
    """By site, of those that have any; three queries, however many sites."""
    wanted = list(sites)
    synthetic = frozenset(Series.objects.filter(synthetic=True).values_list("slug", flat=True))
    newest = SiteTariff.objects.filter(site__in=wanted).order_by("site_id", "-number").distinct("site_id")
    found: dict[int, set[Caveat]] = {}
    for site, document, digest in newest.values_list("site_id", "document", "content_hash"):
        mine = found.setdefault(site, set())
        if not synthetic.isdisjoint(_list_series(document)):
            mine.add(Caveat.SYNTHETIC)
        if digest in _list_illustrative():
            mine.add(Caveat.ILLUSTRATIVE)
        if not document.get("verified", False):
            mine.add(Caveat.UNVERIFIED)
    carbon = SiteEnergy.objects.filter(site__in=wanted, carbon_series__in=synthetic)
    for site in carbon.values_list("site_id", flat=True):
        found.setdefault(site, set()).add(Caveat.SYNTHETIC)
    return {site: frozenset(mine) for site, mine in found.items() if mine}


def list_surplus_parts(document: Mapping[str, Any]) -> frozenset[str]:
    """Names of a tariff's components that are lots of surplus power."""
    return frozenset(part["name"] for part in document["components"] if part["kind"] == "SURPLUS")


@cache
def _list_illustrative() -> frozenset[str]:
    return frozenset(
        content_hash(tariff=example.tariff)
        for example in read_tariff_examples()
        if example.illustrative and example.tariff is not None
    )


def _list_series(document: object) -> Iterator[str]:
    """Yield every series that a tariff's document names."""
    if isinstance(document, Mapping):
        for name, value in document.items():
            if name == "series" and isinstance(value, str):
                yield value
            yield from _list_series(value)
    elif isinstance(document, list):
        for value in document:
            yield from _list_series(value)

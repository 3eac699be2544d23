"""
Which figure may price something at a site: the provider's own, or the shipped one if somebody verified it.
Pure; imports no Django.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from core.errors import DomainError
from marketplace.reference.files import Figures


class FigureUnconfirmed(DomainError):
    """A figure was not verified, or there is none, and the provider has not stated it."""

    code = "figure_unconfirmed"


class Basis(StrEnum):
    """Who vouches for a figure."""

    DECLARED = "declared"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Stated:
    """What a provider says of its site, and where it has it from."""

    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Usable:
    """A value that may price something, with what goes into the card about it."""

    value: str
    basis: Basis
    source: str


def choose_figures(
    *,
    name: str,
    key: str,
    fields: Collection[str],
    shipped: Figures | None,
    stated: Mapping[str, Stated],
) -> dict[str, Usable]:
    """
    A value for each of `fields` of the row `key` of the file `name`; `stated` is by field.

    :raises FigureUnconfirmed: for the first field that nobody vouches for
    """
    return {field: _choose(name, key, field, shipped, stated.get(field)) for field in fields}


def _choose(name: str, key: str, field: str, shipped: Figures | None, stated: Stated | None) -> Usable:
    if stated and stated.value:
        return Usable(stated.value, Basis.DECLARED, stated.source)
    found = str(shipped.figures.get(field, "")) if shipped else ""
    if shipped and found and shipped.evidence.verified:
        return Usable(found, Basis.REFERENCE, f"{shipped.evidence.source}, {shipped.evidence.date}")
    problem = "is not verified" if found else "is not known"
    raise FigureUnconfirmed(
        f"{field} of {key} {problem}: the provider states it before it prices anything.",
        name=name,
        key=key,
        field=field,
        figure=found,
    )

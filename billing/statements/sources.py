"""
What upper layers know about charges, asked for through functions that they register at their start.

This layer keeps a charge's source as a number without meaning; what it is called, and what was sold there, is
known above.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.errors import DomainError


class SourcesUnknown(DomainError):
    """Nothing registered that could say what was sold."""

    code = "sources_unknown"


@dataclass(frozen=True, slots=True)
class Work:
    """
    What entries of one kind charged, or gave back, for one model at one site.

    `amount` is what the wallet lost; negative where it got something. `country` is the site's.
    """

    kind: str
    model: str
    site: str
    country: str
    charges: int
    tokens_in: int
    tokens_out: int
    amount: Decimal


type NameSources = Callable[[Sequence[int]], Mapping[int, str]]
"""Of sources (numbers): what each is called outside."""
type GroupWork = Callable[[int, Sequence[int]], list[Work]]
"""Of a wallet's account and entries: the work that they charge for; other entries are left out."""
type GroupSales = Callable[[int, Sequence[int]], list[Work]]
"""Of a provider's account and entries: the work that it sold, `amount` being what it got."""


@dataclass(slots=True)
class _Known:
    name_sources: NameSources | None = None
    group_work: GroupWork | None = None
    group_sales: GroupSales | None = None


_known = _Known()


def register(*, name_sources: NameSources, group_work: GroupWork, group_sales: GroupSales) -> None:
    """Say who knows."""
    _known.name_sources, _known.group_work, _known.group_sales = name_sources, group_work, group_sales


def name_sources(numbers: Sequence[int]) -> Mapping[int, str]:
    """What sources are called; those that nobody knows are missing."""
    return _known.name_sources(numbers) if _known.name_sources and numbers else {}


def group_work(account_id: int, entries: Sequence[int]) -> list[Work]:
    """
    What was sold in these entries of a wallet.

    :raises SourcesUnknown: if no layer above knows
    """
    if _known.group_work is None:
        raise SourcesUnknown
    return _known.group_work(account_id, entries)


def group_sales(account_id: int, entries: Sequence[int]) -> list[Work]:
    """
    What a provider sold in these entries.

    :raises SourcesUnknown: if no layer above knows
    """
    if _known.group_sales is None:
        raise SourcesUnknown
    return _known.group_sales(account_id, entries)

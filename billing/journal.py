"""Entries as exports see them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Leg:
    """One posting: positive for a debit."""

    number: int
    account: str
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class NumberedEntry:
    """One entry with its postings."""

    number: int
    id: int
    key: str
    kind: str
    actor: str
    reason: str
    reverses: int | None
    happened_at: datetime
    recorded_at: datetime
    legs: list[Leg]


def format_moment(moment: datetime) -> str:
    """A moment in UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

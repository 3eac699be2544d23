"""
Which price cards an offer needs so that each stretch of time is sold at its own price. Pure; no Django.

Cards are never taken back. What was published ahead and no longer holds is overtaken by a card that starts at
the same moment (see `PriceCard`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

# Cards are published this far ahead, and on to the next of these hours: plans change four times a day.
AHEAD = timedelta(hours=48)
HOURS = 6
# The shortest time that a database tells apart.
AT_ONCE = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """
    A stretch of time with one price; `basis` identifies everything the price follows from. What is not `sold`
    has a price that nobody may buy at.
    """

    start: datetime
    end: datetime
    basis: str
    sold: bool = True


@dataclass(frozen=True, slots=True)
class Published:
    """A card that is there already; one without a `basis` was published by hand."""

    number: int
    starts_at: datetime
    valid_until: datetime | None
    basis: str


@dataclass(frozen=True, slots=True)
class Planned:
    """
    A card to be published: the price of `span` from `starts_at`, in the order in which they are listed.

    Of a span that is not sold it is one that runs out as it starts: whatever was published before for that
    time is overtaken by it, and nothing is in force.
    """

    starts_at: datetime
    valid_until: datetime
    span: Span


class SpansBroken(ValueError):
    """The spans do not follow each other, or do not cover the present."""


def find_horizon(*, now: datetime) -> datetime:
    """End of the time for which cards are published at this moment: midnight, 06, 12 or 18 o'clock in UTC."""
    ahead = (now + AHEAD).astimezone(UTC)
    start = ahead.replace(hour=ahead.hour - ahead.hour % HOURS, minute=0, second=0, microsecond=0)
    return start if start == ahead else start + timedelta(hours=HOURS)


def plan_cards(
    *, spans: Sequence[Span], published: Sequence[Published], now: datetime, hold: timedelta
) -> tuple[Planned, ...]:
    """
    Say which cards are missing for an offer to be sold at the price of each span; none, if nothing changed.

    Cards that start after the last span are left alone. A card that is followed by a span which is not sold
    runs out there.

    :param spans: what is known, gap-free, `now` in the first
    :param published: the card in force, if any, and all that start later
    :param hold: how long the last price may be asked after what is known has ended
    :raises SpansBroken: if spans leave a gap, overlap, or do not begin now
    """
    _check_spans(spans, now)
    end = spans[-1].end
    until = end + hold
    effective = {card.starts_at: card for card in sorted(published, key=lambda card: card.number)}
    in_force = max((moment for moment in effective if moment <= now), default=None)
    starts = {span.start for span in spans[1:]} | {moment for moment in effective if now < moment < end}
    moments = [now, *sorted(starts)]
    at = 0
    current = None if in_force is None else effective[in_force]
    planned: list[Planned] = []
    for moment, following in zip(moments, [*moments[1:], until], strict=True):
        while spans[at].end <= moment:
            at += 1
        current = effective.get(moment, current)
        if not spans[at].sold:
            if current is not None and not _runs_out(current, before=moment + 2 * AT_ONCE):
                planned.append(Planned(moment, moment + AT_ONCE, spans[at]))
                current = Published(0, moment, moment + AT_ONCE, spans[at].basis)
            continue
        last = _find_run_end(spans, at) or until
        ends = min(following, last)
        if current is None or current.basis != spans[at].basis or _runs_out(current, before=ends):
            planned.append(Planned(moment, last, spans[at]))
            current = Published(0, moment, last, spans[at].basis)
    return tuple(planned)


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Make one of spans that follow each other with the same basis."""
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if last and (last.basis, last.sold, last.end) == (span.basis, span.sold, span.start):
            merged[-1] = replace(last, end=span.end)
        else:
            merged.append(span)
    return merged


def _find_run_end(spans: Sequence[Span], at: int) -> datetime | None:
    """Where what is sold ends; None if it is sold as far as anything is known."""
    return next((span.start for span in spans[at:] if not span.sold), None)


def _runs_out(card: Published | None, *, before: datetime) -> bool:
    return card is not None and card.valid_until is not None and card.valid_until < before


def _check_spans(spans: Sequence[Span], now: datetime) -> None:
    if not spans or not spans[0].start <= now < spans[0].end:
        raise SpansBroken("the first span is not of the present")
    for before, after in pairwise(spans):
        if before.end != after.start:
            raise SpansBroken(f"{before.end.isoformat()} is followed by {after.start.isoformat()}")

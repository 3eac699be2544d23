"""Which cards are published ahead, against what a buyer then finds in force at every minute."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from marketplace.card_plans import (
    Planned,
    Published,
    Span,
    SpansBroken,
    find_horizon,
    merge_spans,
    plan_cards,
)

NOW = datetime(2030, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOLD = timedelta(hours=6)


def make_spans(*bases: str, start: datetime = NOW, step: timedelta = HOUR) -> list[Span]:
    """A span of `step` for each basis."""
    return [Span(start + n * step, start + (n + 1) * step, basis) for n, basis in enumerate(bases)]


def publish(published: list[Published], planned: tuple[Planned, ...]) -> list[Published]:
    """What is there after publishing."""
    first = max((card.number for card in published), default=0) + 1
    cards = [
        Published(number, card.starts_at, card.valid_until, card.span.basis)
        for number, card in enumerate(planned, first)
    ]
    return [*published, *cards]


def find_in_force(published: list[Published], moment: datetime) -> Published | None:
    """By the rule of the book: started last, highest number, not run out."""
    started = [card for card in published if card.starts_at <= moment]
    card = max(started, key=lambda card: (card.starts_at, card.number), default=None)
    return None if card is None or (card.valid_until and card.valid_until <= moment) else card


def test_each_change_of_price_gets_a_card_that_starts_with_it() -> None:
    planned = plan_cards(spans=merge_spans(make_spans("a", "a", "b", "a")), published=[], now=NOW, hold=HOLD)

    assert [(card.starts_at - NOW, card.span.basis) for card in planned] == [
        (timedelta(0), "a"),
        (2 * HOUR, "b"),
        (3 * HOUR, "a"),
    ]
    assert {card.valid_until for card in planned} == {NOW + 4 * HOUR + HOLD}


def test_planning_again_publishes_nothing() -> None:
    spans = make_spans("a", "b", "c")
    published = publish([], plan_cards(spans=spans, published=[], now=NOW, hold=HOLD))
    later = NOW + HOUR / 2

    assert plan_cards(spans=spans, published=published, now=later, hold=HOLD) == ()


def test_a_changed_future_is_overtaken_at_its_moments() -> None:
    published = publish([], plan_cards(spans=make_spans("a", "b", "c"), published=[], now=NOW, hold=HOLD))

    planned = plan_cards(spans=make_spans("a", "a", "d"), published=published, now=NOW, hold=HOLD)

    assert [(card.starts_at - NOW, card.span.basis) for card in planned] == [(HOUR, "a"), (2 * HOUR, "d")]


def test_after_an_outage_the_present_price_starts_now() -> None:
    published = publish([], plan_cards(spans=make_spans("a", "b"), published=[], now=NOW, hold=HOLD))
    later = NOW + timedelta(days=3)
    assert find_in_force(published, later) is None

    planned = plan_cards(
        spans=make_spans("b", "c", start=later - HOUR / 4), published=published, now=later, hold=HOLD
    )

    assert (planned[0].starts_at, planned[0].span.basis) == (later, "b")


def test_a_price_that_stays_is_renewed_before_it_runs_out() -> None:
    day = timedelta(days=1)
    published = publish(
        [], plan_cards(spans=make_spans("a", step=day), published=[], now=NOW, hold=timedelta(0))
    )

    planned = plan_cards(
        spans=make_spans("a", step=2 * day), published=published, now=NOW + HOUR, hold=timedelta(0)
    )

    assert [(card.starts_at, card.valid_until) for card in planned] == [(NOW + HOUR, NOW + 2 * day)]


def test_a_card_made_by_hand_gives_way_and_one_beyond_what_is_known_stays() -> None:
    by_hand = [Published(1, NOW - HOUR, None, ""), Published(2, NOW + 10 * HOUR, None, "")]

    planned = plan_cards(spans=make_spans("a", "b"), published=by_hand, now=NOW, hold=HOLD)

    assert [card.span.basis for card in planned] == ["a", "b"]


@pytest.mark.parametrize("seed", range(200))
def test_at_every_moment_the_card_in_force_has_the_price_of_its_span(seed: int) -> None:
    chance = random.Random(seed)
    published: list[Published] = []
    now = NOW
    for _ in range(6):
        spans = merge_spans(
            make_spans(
                *(chance.choice("abc") for _ in range(chance.randint(1, 12))),
                start=now - chance.random() * HOUR * 0.9,
                step=HOUR,
            )
        )
        published = publish(published, plan_cards(spans=spans, published=published, now=now, hold=HOLD))
        for span in spans:
            for moment in (
                max(span.start, now),
                max(span.start, now) + (span.end - max(span.start, now)) / 2,
            ):
                card = find_in_force(published, moment)
                assert card is not None
                assert card.basis == span.basis
        now += chance.random() * 5 * HOUR


@pytest.mark.parametrize(
    "spans",
    [
        [],
        make_spans("a", start=NOW + HOUR),
        make_spans("a", start=NOW - HOUR),
        [*make_spans("a"), *make_spans("b", start=NOW + 2 * HOUR)],
    ],
    ids=["none", "future", "past", "gap"],
)
def test_spans_that_leave_time_uncovered_are_refused(spans: list[Span]) -> None:
    with pytest.raises(SpansBroken):
        plan_cards(spans=spans, published=[], now=NOW, hold=HOLD)


def test_the_horizon_is_a_quarter_of_a_day_at_least_two_days_ahead() -> None:
    assert find_horizon(now=NOW) == datetime(2030, 1, 17, 12, tzinfo=UTC)
    assert find_horizon(now=NOW + timedelta(seconds=1)) == datetime(2030, 1, 17, 18, tzinfo=UTC)
    assert find_horizon(now=datetime(2030, 1, 15, 23, 59, tzinfo=UTC)) == datetime(2030, 1, 18, tzinfo=UTC)

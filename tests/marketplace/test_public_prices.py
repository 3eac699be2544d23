"""Others' prices: by names that are in their data, with the hours they hold."""

from datetime import date, time

import pytest

from marketplace import public_prices
from marketplace.energy.joules import Basis
from marketplace.leaderboards import find_evidence
from marketplace.public_prices import list_prices, read_names

DAY = date(2026, 11, 20)


def test_every_name_is_in_the_data_once_and_has_a_price() -> None:
    names = read_names()

    assert len(set(names)) == len(names)
    for name in names:
        found = [one for one in list_prices(slug=name.slug, day=DAY) if one.model == name.model]
        assert found, name
        assert all(one.output is not None and one.output > 0 for one in found), name


def test_prices_of_certain_hours_stand_for_themselves() -> None:
    prices = [one for one in list_prices(slug="deepseek-v4-flash", day=DAY) if one.seller == "Deepseek"]

    hours = [tuple(moment.replace(tzinfo=None) for moment in one.hours) for one in prices if one.hours]
    assert hours == [(time(1), time(4)), (time(6), time(10))]
    [always] = [one for one in prices if one.hours is None]
    assert {one.output for one in prices if one.hours} != {always.output}


def test_a_price_that_has_not_begun_is_not_told() -> None:
    before, since = date(2026, 9, 9), date(2026, 9, 10)

    def read(day: date) -> list[date | None]:
        return [one.since for one in list_prices(slug="deepseek-v4-flash", day=day) if one.hours is None]

    assert since not in read(before)
    assert since in read(since)


def test_the_edition_names_version_and_date() -> None:
    edition = public_prices.find_edition(day=DAY)

    assert edition.version == "0.2.3"
    assert edition.newest <= DAY


def test_nothing_is_known_of_models_that_are_not_listed() -> None:
    assert list_prices(slug="small", day=DAY) == []


@pytest.mark.parametrize(
    ("source", "tier", "evidence"),
    [
        ("finding 3: receipts of the node", "counter", Basis.MEASURED),
        ("declared", "declared", Basis.DECLARED),
        ("finding 1: declared, times 1.25 because the node has no counter", "declared", Basis.DECLARED),
        ("ML.ENERGY v3: a row", "declared", Basis.REFERENCE),
        ("fit to ML.ENERGY Leaderboard v3, 328 rows", "declared", Basis.ESTIMATED),
    ],
)
def test_evidence_is_what_the_card_says(source: str, tier: str, evidence: Basis) -> None:
    assert find_evidence(source=source, tier=tier) is evidence

"""The quick explanation says the same as the full one."""

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.explanations import LISTED_MAX, Explainer, write_cost
from marketplace import matching
from marketplace.book import Book
from marketplace.listings import NodePresence, int_to_text
from marketplace.preferences import Preferences
from tests.marketplace.listings import NOW, make_row

ROWS = [
    make_row(1),
    make_row(2, currency="CNY", provider_name='Wasser "Kraft"', site_name="坝"),
    make_row(3, input_price=Decimal("0.000003")),
    *(make_row(number, region="Yunnan", country="CN") for number in range(4, 14)),
]


def make_book(connected: int) -> Book:
    presence = {
        str(row["node_uid"]): NodePresence(relay_url="http://relay", slots=4, busy=index % 5)
        for index, row in enumerate(ROWS[:connected])
    }
    return Book.from_rows(ROWS).with_presence(presence)


BOOKS = [make_book(connected) for connected in (0, 1, 6, len(ROWS))]
explainer = Explainer()


@given(
    book=st.sampled_from(BOOKS),
    tokens_in=st.integers(0, 5000),
    tokens_out=st.integers(1, 5000),
    refused=st.frozensets(st.integers(1, 4)),
    preferences=st.sampled_from([Preferences(), Preferences(regions=frozenset({"yunnan"}))]),
)
def test_says_what_the_match_says(
    book: Book, tokens_in: int, tokens_out: int, refused: frozenset[int], preferences: Preferences
) -> None:
    request = matching.Request(
        models=("small",),
        currencies=("USD",),
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        input_tokens_min=tokens_in // 2,
        preferences=preferences,
        refused=refused,
    )
    match = matching.match(book, request, now=NOW)

    assert msgspec.json.decode(explainer.explain(match)) == match.describe(limit=LISTED_MAX)


@given(cost=st.integers(0, 10**30))
def test_writes_costs_alike(cost: int) -> None:
    assert write_cost(cost) == int_to_text(cost)

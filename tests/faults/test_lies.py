"""Model servers that lie about what they did, through relay and agent and into the ledger."""

import pytest

from tests.faults.books import Books
from tests.faults.buyers import Crowd, list_broken
from tests.faults.plant import Plant

TOKENS = 24
# What is ordered, what is billed of it, and how the stream ends.
LIES = [
    ("over_report+factor=1000", TOKENS, None),
    ("ignore_limit+factor=10", TOKENS, None),
    ("zero_usage", 0, None),
    ("no_usage", TOKENS, None),
    ("cumulative_usage", TOKENS, None),
    ("truncate+after=7", 7, "upstream_broken"),
    ("end_early+after=7", 7, "upstream_truncated"),
    ("error_chunk+after=7", 7, "upstream_failed"),
    ("bad_json+after=7", 7, "upstream_garbage"),
]
FLAGGED = {"over_report+factor=1000": ["claim_above_count"]}


def test_a_lie_earns_nothing_and_honest_work_beside_it_is_paid(
    plant: Plant, books: Books, crowd: Crowd
) -> None:
    told = {}
    honest = []
    for fault, _, _ in LIES:
        honest += crowd.ask(tokens=2)
        crowd.wait_ended(honest)
        plant.order("cheap", f"{fault}+rate=0+tokens={TOKENS}")
        [told[fault]] = crowd.ask(tokens=TOKENS)
        crowd.wait_ended([told[fault]])

    assert list_broken(honest) == []
    books.check(crowd.answers)
    bills = books.read_bills()
    for fault, billed, code in LIES:
        answer, bill = told[fault], bills[told[fault].job]
        assert (bill.billed_out, answer.code) == (billed, code), (fault, bill, answer)
        assert answer.whole if code is None else answer.said_in_band, (fault, answer)
        assert bill.flags == FLAGGED.get(fault), (fault, bill)
        assert bill.node_id == plant.cast.node_ids["cheap"]


@pytest.mark.parametrize(
    "fault", ["over_report+factor=1000", "ignore_limit+factor=10", "zero_usage", "no_usage"]
)
def test_a_lie_about_a_plain_answer_costs_no_more_than_was_held(
    plant: Plant, books: Books, crowd: Crowd, fault: str
) -> None:
    plant.order("cheap", f"{fault}+rate=0+tokens={TOKENS}")
    answer = crowd.ask_plainly(tokens=TOKENS)

    assert answer.whole
    books.check(crowd.answers)
    bill = books.read_bills()[answer.job]
    assert bill.amount is not None
    assert bill.amount <= bill.held
    assert (bill.billed_out or 0) <= TOKENS
    if fault == "zero_usage":
        assert bill.amount == 0

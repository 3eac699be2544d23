"""A payout that came back, as its provider reads of it: why, what to do, and that the money is owed again."""

from typing import Any

import pytest

from accounts.audit import SYSTEM
from accounts.models import Organization
from billing.compliance.standing import Standing
from billing.models import PayoutMethod
from billing.rails.protocol import Refusal
from billing.settlement import payouts, words
from billing.settlement.readiness import AT_STRIPE, Readiness, Way, find_readiness
from billing.settlement.setbacks import Remedy, find_remedy, list_setbacks
from tests.cast import NOW
from tests.databases import Database
from tests.settlement import settling
from tests.settlement.settling import earn, find_payout
from tests.settlement.test_pages import open_console


def make_method(*, rail: str = "bank_file", state: str = "READY") -> PayoutMethod:
    """A method for dollars."""
    return PayoutMethod(id=7, rail=rail, currency="USD", country="US", state=state, payable_from=NOW)


def stand(
    method: PayoutMethod | None = None, refusal: Refusal | None = None, *, may: bool = True
) -> Readiness:
    """A provider with one method, or with none."""
    ways = (Way(method, refusal),) if method else ()
    return Readiness(Standing(may_receive=may, may_fund=True), ways, (), ())


GOOD, BLOCKED, GONE = make_method(), make_method(state="BLOCKED"), make_method(state="RETIRED")
STRIPE = make_method(rail="stripe_connect")


@pytest.mark.parametrize(
    ("remedy", "reason", "method", "readiness"),
    [
        (Remedy.CHECKS, "", GOOD, stand(GOOD, may=False)),
        (Remedy.ADD, "", GONE, stand()),
        (Remedy.CHECK, "", GONE, stand(GOOD)),
        (Remedy.REPLACE, "", BLOCKED, stand(BLOCKED)),
        (Remedy.REPLACE, "RJCT AC04: account closed", GOOD, stand(GOOD)),
        (Remedy.STRIPE, "", STRIPE, stand(STRIPE, AT_STRIPE)),
        (Remedy.BANK_AT_STRIPE, "", STRIPE, stand(STRIPE)),
        (Remedy.CHECK, "RJCT MS03", GOOD, stand(GOOD)),
    ],
)
def test_what_to_do_follows_from_what_stands_in_the_way(
    remedy: Remedy, reason: str, method: PayoutMethod, readiness: Readiness
) -> None:
    assert find_remedy(reason, method, readiness) == remedy


def test_a_bank_s_code_is_told_in_words() -> None:
    assert words.name_reason("RJCT AC04: closed") == "The account is closed."
    assert words.name_reason("No such account") == words.name_reason("ZZ99") == ""


def test_a_payout_that_came_back_is_told_until_another_one_is_sent(
    db: Database, farm: Organization, outbox: list[Any]
) -> None:
    earn(farm, "12.345")
    crew = settling.make_desk()
    crew.settle()
    payout = find_payout(farm)
    said: dict[str, Any] = {"actor": SYSTEM, "happened_at": NOW, "now": NOW}
    payouts.mark_paid(payout_uid=payout.uid, external_id="E1", **said)
    browser, console = open_console(farm), f"/console/{farm.uid}/"
    before = browser.get(f"{console}payouts/").content.decode()
    for _ in range(2):
        payouts.mark_returned(payout_uid=payout.uid, reason="AC04 closed", **said)
    pages = [browser.get(console + page).content.decode() for page in ("payouts/", "payout-methods/")]
    # The next settlement plans another payout of it.
    crew.settle()
    stands = find_readiness(organization_id=farm.pk, now=NOW)

    (letter,) = outbox
    assert "12.34 USD" in letter.subject
    assert "AC04 closed" in letter.body
    assert "AC04" not in before
    for page in pages:
        assert "The account is closed." in page
        assert "The money is among what is owed to you" in page
        # Nothing was handed in yet: that comes first.
        assert f'href="{console}checks/"' in page
    assert 'value="12.345"' in pages[0]
    assert list_setbacks(organization_id=farm.pk, readiness=stands) == []

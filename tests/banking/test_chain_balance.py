"""What the chain says that we have, beside what the books say."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings

from accounts.audit import SYSTEM
from accounts.models import Organization
from billing.rails.chain import deposits
from billing.reconciliation import outside, runs
from tests.cast import NOW
from tests.databases import Database
from tests.rails.chains import CHAIN_ID, run_chain
from tests.rails.chains import deposit as bring_in
from tests.rails.orders import ALICE, BOB, SAFE, TOKEN


def test_what_the_chain_has_is_compared_as_deep_as_deposits_are_credited(
    db: Database, lab: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CHAIN_SAFE", SAFE)
    deposits.add_addresses(addresses=[ALICE], actor=SYSTEM, now=NOW)
    deposits.assign_address(organization=lab, actor=SYSTEM, now=NOW)
    with run_chain() as chain:
        chain.call("transfer", BOB, ALICE, 7_000_001)
        chain.call("mine", 2)
        deposits.follow_chain(reader=chain.reader, confirmations=2, now=NOW)
        # In nobody's books yet: too few blocks lie on it.
        chain.call("transfer", BOB, ALICE, 5_000_000)
        chain.call("mine", 1)
        deep = outside.read_chain(reader=chain.reader, confirmations=2)
        # To where nobody reads transfers.
        chain.call("transfer", BOB, SAFE, 3_000_000)
        chain.call("mine", 2)
        more = outside.read_chain(reader=chain.reader, confirmations=2)
        monkeypatch.setattr(settings, "CHAIN_URL", chain.url)
        monkeypatch.setattr(settings, "CHAIN_ID", CHAIN_ID)
        monkeypatch.setattr(settings, "CHAIN_TOKEN", TOKEN)
        monkeypatch.setattr(settings, "CHAIN_CONFIRMATIONS", 2)
        asked = outside.ask_chain()
    silent = outside.ask_chain()
    run = runs.reconcile(actor=SYSTEM, now=NOW, chain={"USDC": deep})
    line = run.lines.get(equation="CHAIN_BALANCE")

    assert (deep, more) == (Decimal("7.000001"), Decimal("15.000001"))
    assert (asked, silent) == ({"USDC": more}, None)
    assert (line.state, line.ours, line.theirs) == ("EQUAL", deep, deep)


def test_deposits_of_nobody_age_in_suspense(db: Database) -> None:
    bring_in(Decimal("2.5"), owner=None, now=NOW)

    (age,) = runs.list_ages(now=NOW + timedelta(days=3))
    assert (age.currency, age.bucket, age.count, age.amount) == ("USDC", "up to a week", 1, Decimal("2.5"))

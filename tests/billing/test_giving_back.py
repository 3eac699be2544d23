"""What comes back of a charge, by refunds, credits and final prices together: never more than was paid."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from accounts import audit
from billing import approvals, bookings, ledger
from billing.bookings import Bearer, Settled, UndoneBefore
from billing.models import Entry, GiveBack
from tests.billing import exchange
from tests.billing.exchange import NOW, Buyer, Seller, fetch
from tests.billing.test_claims import credit, sell
from tests.billing.test_conversions import find_wrong, give_back

pytestmark = pytest.mark.sql


def refund(usage: int) -> Entry:
    posted = bookings.refund_charge(
        usage_id=usage, borne_by=Bearer.PROVIDER, reason="broken", actor=audit.SYSTEM, now=NOW
    )
    return Entry.objects.get(pk=posted.entry_id)


def undo(entry: int) -> None:
    ledger.reverse(entry_id=entry, actor="test", reason="a mistake", happened_at=NOW)


def test_a_final_price_waits_for_a_credit_to_be_undone(
    app: psycopg.Connection[Any], owner: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    usage = sell(app, lab, farm)
    credited = credit(usage, Decimal("0.19"))

    [row] = fetch(owner, "SELECT * FROM give_back_v1(%s, '{0.05}', '{500}', '{1}')", [usage])

    # 0.2 were paid: 0.19 and 0.15 together would be more.
    assert (row["settled"], row["entries"]) == (0, 0)
    assert exchange.read_scope(app, lab.wallet_id)[0] == Decimal("9.99")
    undo(credited)
    give_back(owner, usage, "0.05")
    assert exchange.read_scope(app, lab.wallet_id)[0] == Decimal("9.95")
    assert find_wrong() == []


def test_a_refund_stands_once_the_final_price_came(
    app: psycopg.Connection[Any],
    owner: psycopg.Connection[Any],
    lab: Buyer,
    farm: Seller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(approvals, "require_approved", lambda **_: None)
    usage = sell(app, lab, farm)
    entry = refund(usage)
    fetch(owner, "SELECT * FROM give_back_v1(%s, '{0.05}', '{500}', '{1}')", [usage])
    assert GiveBack.objects.get().amount == 0

    with pytest.raises(Settled):
        bookings.reverse_entry(entry=entry, reason="a mistake", actor=audit.SYSTEM, now=NOW)
    assert exchange.read_scope(app, lab.wallet_id)[0] == 10


def test_what_was_undone_is_not_said_to_be_booked(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    first, second = sell(app, lab, farm), sell(app, lab, farm)
    undo(refund(first).pk)
    undo(credit(second, Decimal("0.1")))

    with pytest.raises(UndoneBefore):
        refund(first)
    with pytest.raises(UndoneBefore):
        credit(second, Decimal("0.1"))
    assert exchange.read_scope(app, lab.wallet_id)[0] == Decimal("9.6")

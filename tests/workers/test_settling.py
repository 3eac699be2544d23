"""What was sold at a cap, given back when its price is final, to the last place."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from accounts import audit
from accounts.keys import IssuedKey
from accounts.models import Organization
from billing import bookings, charges, ledger, verification, wallets
from billing.bookings import Bearer
from billing.models import Charge, Entry, GiveBack
from billing.wallets import Wallet
from marketplace import offer_terms, price_cards, publishing, site_tariffs
from marketplace import series as histories
from marketplace.contracts import Contract, Terms
from marketplace.feeds.points import Point, Reading
from marketplace.models import Offer, PriceCard, Series
from tests.cast import NOW
from tests.market import Stand
from workers import settling, tasks

HOUR = timedelta(hours=1)
TARIFF = {
    "format": "jouleport-tariff/1",
    "name": "spot",
    "version": 1,
    "currency": "USD",
    "zone": "Asia/Shanghai",
    "valid_from": "2020-01-01",
    "verified": True,
    "grade": "A",
    "components": [
        {
            "kind": "INDEX_ENERGY",
            "name": "energy",
            "term": {"series": "spot", "a": "1", "forecast": {"value": "0.1"}},
        }
    ],
}
ADMIT = """
SELECT verdict, attempt_id FROM admit_v1(
    ARRAY[%s]::bigint[], ARRAY[%s]::bigint[], ARRAY[%s]::bigint[], ARRAY[%s]::bigint[], ARRAY[%s]::bigint[],
    ARRAY[%s]::bigint[], ARRAY[2000]::bigint[], ARRAY[1000]::bigint[], ARRAY[gen_random_uuid()],
    ARRAY[gen_random_uuid()], ARRAY[gen_random_uuid()], ARRAY[NULL]::text[], ARRAY[NULL]::bytea[],
    ARRAY[NULL]::jsonb[], true)
"""
RECORD = """
SELECT verdict, usage_id FROM record_usage_v3(
    ARRAY[%s]::bigint[], ARRAY[1], ARRAY[true], ARRAY[1234]::bigint[], ARRAY[0]::bigint[],
    ARRAY[567]::bigint[],
    ARRAY[NULL]::bigint[], ARRAY[NULL]::bigint[], ARRAY[NULL]::bigint[], ARRAY['deltas'],
    ARRAY[1.5]::numeric[],
    ARRAY[100]::numeric[], ARRAY['declared'], ARRAY['estimated'], ARRAY['complete'], ARRAY['SUCCEEDED'])
"""


@pytest.fixture
def spot(stand: Stand) -> Series:
    """A series of prices of which nothing is known yet, and a tariff that follows it."""
    described = histories.Described(
        slug="spot",
        name="Spot",
        kind="PRICE",
        zone="CN-GZ",
        resolution=60,
        source="constructed",
        licence="none",
        currency="USD",
        unit="MWh",
        market="DA",
    )
    series = histories.create_series(described=described, actor=audit.SYSTEM, now=NOW)
    terms = site_tariffs.Terms(document=TARIFF, quotes_forecasts=True)
    now = datetime.now(UTC)
    site_tariffs.set_tariff(site=stand.site, terms=terms, actor=audit.SYSTEM, now=now)
    return series


@pytest.fixture
def card(stand: Stand, spot: Series) -> PriceCard:
    """The card by which the stand sells now: what is forecast, and ten per cent more."""
    now = datetime.now(UTC)
    terms = Terms(Contract.PASS_THROUGH, Decimal("0.1"))
    offer_terms.set_terms(offer=stand.offer, terms=terms, actor=audit.SYSTEM, now=now)
    publishing.publish_ahead(now=now)
    found = price_cards.find_card_in_force(offer=stand.offer, now=datetime.now(UTC))
    assert found is not None
    return found


def sell(stand: Stand, card: PriceCard, key: IssuedKey, lab: Organization) -> Charge:
    """Have 1,234 tokens read and 567 written, and post the charge."""
    with connection.cursor() as cursor:
        offer = stand.offer
        cursor.execute(ADMIT, [key.key.pk, lab.pk, offer.model_id, offer.pk, card.pk, stand.node.pk])
        verdict, attempt = cursor.fetchone()
        assert verdict == "ok"
        cursor.execute(RECORD, [attempt])
        verdict, usage = cursor.fetchone()
        assert verdict == "ok"
    charges.post_charges(seconds_max=10)
    return Charge.objects.get(usage_id=usage)


def publish_final(spot: Series, per_mwh: str, *, estimated: bool = False) -> None:
    """Say what electricity cost in this hour and in those around it."""
    now = datetime.now(UTC)
    first = now.replace(minute=0, second=0, microsecond=0) - HOUR
    points = tuple(Point(first + n * HOUR, Decimal(per_mwh), estimated=estimated) for n in range(4))
    histories.write_reading(series=spot, reading=Reading(points, 60, "MWh", "USD"), now=now)


def settle() -> int:
    """Fold what is complete, which takes two looks, then settle."""
    tasks.fold_spending()
    tasks.fold_spending()
    return settling.settle_capped(now=datetime.now(UTC), seconds_max=10).records


def find_balance(wallet: Wallet) -> Decimal:
    return wallets.find_wallet(organization_id=wallet.organization_id, currency="USD").posted.amount


def test_a_lower_final_price_is_given_back_once_and_to_the_last_place(
    stand: Stand, spot: Series, card: PriceCard, lab: Organization, lab_key: IssuedKey, lab_wallet: Wallet
) -> None:
    charge = sell(stand, card, lab_key, lab)
    before = find_balance(lab_wallet)
    assert settle() == 0, "what is forecast is not final"
    publish_final(spot, "-50", estimated=True)
    assert settle() == 0, "what is estimated is not final either"
    publish_final(spot, "40")

    assert settle() == 1
    assert settle() == 0

    # The whole price of what was sold, had the tariff said 0.04 from the start and the card had no cap.
    said = card.explained["pass_through"]
    assert card.explained["electricity"]["price_per_kwh"] == "0.1"
    final = {
        name: Decimal(said["expected"][name]) + Decimal(said["per_kwh"][name]) * Decimal("-0.06")
        for name in ("input", "output")
    }
    rated = (1234 * final["input"] + 567 * final["output"]).quantize(Decimal("1e-9"))
    fee = (rated * card.fee_bps / 10_000).quantize(Decimal("1e-9"))
    given = GiveBack.objects.get(usage_id=charge.usage_id)
    assert (given.rated, given.amount, given.fee) == (rated, charge.amount - rated, charge.fee - fee)
    assert given.amount > charge.amount / 11 > 0, "at least the cap comes back"
    assert find_balance(lab_wallet) - before == given.amount
    entry = Entry.objects.get(kind="GIVE_BACK")
    assert sum(posting.amount for posting in entry.postings.all()) == 0
    payable = ledger.balance(account_id=charge.payable_id)
    assert payable == rated - fee
    statement = wallets.list_statement(wallet=lab_wallet)[0]
    assert (statement.kind, statement.amount.amount) == ("GIVE_BACK", given.amount)
    assert verification.verify() == []


def test_a_final_price_above_the_cap_takes_nothing_more(
    stand: Stand, spot: Series, card: PriceCard, lab: Organization, lab_key: IssuedKey, lab_wallet: Wallet
) -> None:
    charge = sell(stand, card, lab_key, lab)
    before = find_balance(lab_wallet)
    publish_final(spot, "50000")

    assert settle() == 1

    given = GiveBack.objects.get(usage_id=charge.usage_id)
    assert given.rated > charge.amount
    assert given.amount == 0
    assert given.entry_id is None
    assert find_balance(lab_wallet) == before
    assert not Entry.objects.filter(kind="GIVE_BACK").exists()


def test_a_refund_and_a_final_price_never_give_more_than_was_paid(
    stand: Stand, spot: Series, card: PriceCard, lab: Organization, lab_key: IssuedKey, lab_wallet: Wallet
) -> None:
    start = find_balance(lab_wallet)
    first, second = (sell(stand, card, lab_key, lab) for _ in range(2))

    def refund(charge: Charge) -> None:
        bookings.refund_charge(
            usage_id=charge.usage_id,
            borne_by=Bearer.PROVIDER,
            reason="wrong answer",
            actor=audit.SYSTEM,
            now=NOW,
        )

    refund(first)
    publish_final(spot, "40")
    assert settle() == 2
    refund(second)

    assert find_balance(lab_wallet) == start
    assert ledger.balance(account_id=first.payable_id) == 0
    assert verification.verify() == []


def test_the_price_a_buyer_pays_is_the_cap(stand: Stand, card: PriceCard) -> None:
    offer = Offer.objects.get(pk=stand.offer.pk)
    expected = Decimal(card.explained["pass_through"]["expected"]["output"])

    assert card.capped
    assert expected < card.output_price <= expected * Decimal("1.1") + Decimal("1e-17")
    lines = {line["line"]: line for line in card.explained["lines"]}
    total = sum(Decimal(line["per_million_tokens"]["output"]) for line in lines.values())
    assert total == card.output_price * 1_000_000
    assert Decimal(lines["price_cap"]["per_million_tokens"]["output"]) > 0
    assert offer.unit == Offer.Unit.TOKEN

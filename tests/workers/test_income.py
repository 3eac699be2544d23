"""Earnings by day, site and job come to what the ledger posted, whatever was taken back of them."""

import csv
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.test import Client
from django.utils import timezone

from accounts.audit import SYSTEM
from accounts.models import Organization, Role
from billing import bookings, claims, ledger, verification
from billing.bookings import Bearer
from billing.models import Charge, LedgerAccount
from billing.statements.periods import Period
from marketplace.models import Site
from tests.api.conftest import make_user
from tests.billing import exchange
from tests.billing.exchange import Buyer, Seller
from tests.databases import Database
from workers.income import files, movements
from workers.income.movements import Choice

ALWAYS = timedelta(days=30)


class Market:
    """A lab with ten dollars, a farm that sells in dollars, and a hall that sells in renminbi."""

    def __init__(self, app: psycopg.Connection[Any], owner: psycopg.Connection[Any]) -> None:
        self.app, self.owner, self.now = app, owner, timezone.now()
        self.lab = exchange.make_buyer(app, "=Lab")
        self.farm = exchange.make_seller(app, "=Farm")
        self.hall = exchange.make_seller(app, "Hall", currency="CNY")
        exchange.set_rate(owner, "USD", "CNY", mid="0.14", rate="0.1407")

    def sell(self, seller: Seller, *, out: int = 100, buyer: Buyer | None = None) -> int:
        """One job; gives its usage record."""
        job = exchange.admit(self.app, buyer or self.lab, seller)
        used = exchange.record(self.app, job.attempt_id, out=out)
        exchange.post_charges(self.app)
        return int(used["usage_id"])

    def claim(self, usage: int, amount: str, borne_by: Bearer = Bearer.PROVIDER, *, days: int = 0) -> None:
        """Credit a part of a charge, some days later."""
        claims.credit_charge(
            usage_id=usage,
            amount=Decimal(amount),
            borne_by=borne_by,
            reason="half of it was wrong",
            actor=SYSTEM,
            now=self.now + timedelta(days=days),
        )

    def refund(self, usage: int, *, days: int = 0) -> int:
        """Give a charge back; gives the entry."""
        posted = bookings.refund_charge(
            usage_id=usage,
            borne_by=Bearer.PROVIDER,
            reason="wrong",
            actor=SYSTEM,
            now=self.now + timedelta(days=days),
        )
        return posted.entry_id

    def give_back(self, usage: int, rated: str) -> None:
        """Settle a charge at its final price."""
        exchange.fetch(
            self.owner,
            "SELECT * FROM give_back_v1(%s::bigint[], %s::numeric[], ARRAY[500], ARRAY[1]::bigint[])",
            *([usage], [Decimal(rated)]),
        )

    def choose(self, seller: Seller, currency: str, **more: Any) -> Choice:
        """Everything that a seller earned."""
        today = self.now.date()
        return movements.choose(
            organization_id=seller.organization_id,
            currency=currency,
            period=Period(today - ALWAYS, today + ALWAYS),
            **more,
        )


def balance(seller: Seller, currency: str) -> Decimal:
    """What the books owe a seller that was paid nothing: all of it is earnings."""
    account = LedgerAccount.objects.get(
        purpose="PAYABLE", organization_id=seller.organization_id, currency=currency
    )
    return ledger.balance(account_id=account.pk)


@pytest.fixture
def market(db: Database) -> Iterator[Market]:
    """Somebody who sells, and somebody who buys."""
    with (
        psycopg.connect(db.dsn, autocommit=True) as app,
        psycopg.connect(db.owner_dsn, autocommit=True) as owner,
    ):
        yield Market(app, owner)


def fold() -> None:
    """Number what was posted, and fold it, two numbers at a time."""
    ledger.sequence_entries()
    while movements.fold(limit=2):
        pass


@pytest.mark.parametrize("folds", [False, True])
def test_all_ways_to_add_earnings_up_come_to_the_postings(market: Market, folds: bool) -> None:
    farm = market.farm
    first, second, third, fourth = (market.sell(farm, out=out) for out in (100, 33, 250, 70))
    if folds:
        fold()
    market.sell(exchange.make_seller(market.app, "Rival"))
    market.claim(first, "0.0333", days=1)
    market.claim(second, "0.01", Bearer.PLATFORM)
    ledger.reverse(
        entry_id=market.refund(third, days=2), actor="test", reason="no", happened_at=market.now + ALWAYS / 10
    )
    market.give_back(fourth, "0.123456789")
    market.refund(market.sell(farm, out=5), days=2)
    choice = market.choose(farm, "USD")
    if folds:
        fold()
        # What comes after is read beside what is folded.
        market.refund(market.sell(farm, out=6), days=2)

    total = movements.find_total(choice=choice)
    days = movements.list_days(choice=choice, limit=100)
    sites = movements.list_sites(choice=choice, limit=100)
    lines = list(movements.walk_lines(choice=choice))

    assert total.amount == balance(farm, "USD") > 0
    assert total.taken < 0
    for rows in (days, sites, lines):
        assert sum((row.amount for row in rows), Decimal(0)) == total.amount
    assert [day.day for day in days] == [market.now.date() + timedelta(days=n) for n in (3, 2, 1, 0)]
    assert [(site.name, site.charges) for site in sites] == [("=Farm", 5 + folds)]
    of_site = market.choose(farm, "USD", site=sites[0].uid)
    assert movements.find_total(choice=of_site) == total
    assert movements.list_days(choice=of_site, limit=100) == days
    assert list(movements.walk_lines(choice=of_site)) == lines
    # A credit that the platform bears takes nothing of the provider, and is no line.
    kinds = sorted(line.kind for line in lines)
    assert kinds == ["CHARGE"] * (5 + folds) + ["CLAIM", "GIVE_BACK"] + ["REFUND"] * (3 + folds)
    assert {line.site for line in lines} == {sites[0].uid}
    jobs = {line.usage_id: line.job for line in lines}
    of_one = movements.find_total(choice=market.choose(farm, "USD", job=jobs[first]))
    undone = market.choose(farm, "USD", job=jobs[third])
    assert [line.kind for line in movements.walk_lines(choice=undone)] == ["REFUND", "REFUND", "CHARGE"]
    assert movements.find_total(choice=undone) == movements.Total(Decimal("0.475"), Decimal(0))
    charge = Charge.objects.get(pk=first)
    # The platform gives back its five per cent of the credit.
    assert of_one.earned == charge.provider_amount
    assert of_one.taken == Decimal("-0.031635")
    found = [one for one in verification.verify() if one.check != "settled_at_final_prices"]
    assert found == []


def test_a_price_in_another_currency_is_earned_in_that(market: Market) -> None:
    used = market.sell(market.hall, out=100)
    given = market.sell(market.hall, out=50)
    market.claim(used, "0.01")
    market.give_back(given, "0.05")

    earned = {
        currency: movements.find_total(choice=market.choose(market.hall, currency)).amount
        for currency in ("CNY", "USD")
    }
    choice = market.choose(market.hall, "CNY", site=Site.objects.get(name="Hall").uid)

    assert movements.list_currencies(organization_id=market.hall.organization_id) == ["CNY"]
    assert earned == {"CNY": balance(market.hall, "CNY"), "USD": Decimal(0)}
    assert movements.find_total(choice=choice).amount == earned["CNY"]
    assert movements.list_days(choice=choice, limit=9)[0].amount == earned["CNY"]


def test_pages_and_pieces_show_every_line_once(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    for attempt in range(3):
        jobs = exchange.admit_items(market.app, [(market.lab, market.farm)] * 4)
        exchange.record_items(market.app, [job["attempt_id"] for job in jobs], out=attempt + 1)
        exchange.post_charges(market.app)
    choice = market.choose(market.farm, "USD")
    whole = list(movements.walk_lines(choice=choice))
    monkeypatch.setattr(movements, "CHUNK", 1)

    paged, after = [], movements.NOWHERE
    while page := movements.list_lines(choice=choice, limit=5, after=after):
        paged += page
        after = (page[-1].entry_id, page[-1].usage_id)

    assert len(whole) == 12
    assert paged == whole
    assert [line.entry_id for line in whole] == sorted((line.entry_id for line in whole), reverse=True)
    elsewhere = market.choose(market.farm, "USD", site=Site.objects.get(name="Hall").uid)
    assert movements.list_lines(choice=elsewhere, limit=5) == []
    assert movements.list_days(choice=choice, limit=5, before=market.now.date()) == []
    assert movements.list_sites(choice=choice, limit=5, after=10**9) == []


@pytest.mark.parametrize("by", list(files.COLUMNS))
def test_files_have_every_line_and_no_formula(market: Market, by: str) -> None:
    market.claim(market.sell(market.farm), "0.05", days=1)
    choice = market.choose(market.farm, "USD")

    rows = list(csv.DictReader(files.write_csv(choice=choice, by=by)))

    assert sum(Decimal(row["amount"]) for row in rows) == balance(market.farm, "USD")
    assert {row["currency"] for row in rows} == {"USD"}
    if by != "days":
        assert {row["name" if by == "sites" else "site_name"] for row in rows} == {"'=Farm"}


def test_a_provider_reads_them_in_the_console_and_by_rest(market: Market) -> None:
    market.sell(market.farm, out=100)
    farm = Organization.objects.get(pk=market.farm.organization_id)
    browser = Client(SERVER_NAME="localhost")
    person = make_user(farm, Role.OWNER, "owner")
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    address = f"/console/{farm.uid}/earnings/USD/"

    shown = {by: browser.get(address, {"by": by}).content.decode() for by in files.COLUMNS}
    answers = {by: browser.get(f"/api/earnings/USD/{by}").json() for by in files.COLUMNS}
    wrong = [
        browser.get(address, asked).status_code
        for asked in ({"by": "hours"}, {"site": "x"}, {"after": "x"}, {"since": "x"})
    ]
    refused = [
        browser.get(f"/api/earnings/USD/{path}").status_code
        for path in (
            "days?after=x",
            "sites?after=x",
            "jobs?after=1",
            "jobs?site=x",
            "csv?by=hours",
            "days?a=b",
        )
    ]
    text = b"".join(browser.get(f"{address}csv/", {"by": "jobs"})).decode()

    assert all("0.19" in page for page in shown.values())
    assert "=Farm" in shown["sites"]
    assert all(answer["amount"] == "0.19" for answer in answers.values()), answers
    assert [(answer["zone"], answer["next"]) for answer in answers.values()] == [("UTC", None)] * 3
    assert wrong == [404] * 4
    assert refused == [422] * 6
    assert len(text.splitlines()) == 2

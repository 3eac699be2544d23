"""Energy, grams by both accounts and heat of what was used, and their history."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from accounts import audit
from billing.statements.periods import Period, PeriodInvalid, read_period
from core.quantities import format_plain
from marketplace import series, site_factors
from marketplace.feeds.points import Point, Reading
from marketplace.models import Offer, SiteEnergy
from tests.billing import exchange
from tests.billing.exchange import Buyer, Row, Seller, fetch
from workers import exports

pytestmark = pytest.mark.sql

Connection = psycopg.Connection[Any]
FIGURES = (
    *("kwh", "it_kwh", "cooling_kwh", "heat_kwh", "gco2e", "intensity", "market_gco2e", "market_intensity"),
    "grid",
)


def describe(farm: Seller, **figures: Any) -> None:
    """What the site's provider says of its energy; nothing is contracted unless it is named."""
    site = Offer.objects.get(pk=farm.offer_id).site
    neutral = {"market_gco2_per_kwh": None, "matched_share": 0, "carbon_series": ""}
    given = {"line_loss": "0.03", "heat_reused": "0.5", "market_source": "a contract"} | neutral | figures
    SiteEnergy.objects.update_or_create(site=site, defaults=given | {"updated_at": datetime.now(UTC)})


def use(app: Connection, lab: Buyer, farm: Seller) -> tuple[int, Row]:
    """A job of 12.345 joules; gives its attempt and what recording it answered."""
    attempt = exchange.admit(app, lab, farm).attempt_id
    return attempt, exchange.record(app, attempt)


def read(app: Connection, attempt: int) -> Row:
    [row] = fetch(app, "SELECT * FROM usage_energy WHERE attempt_id = %s", attempt)
    return row


def test_the_meter_shows_machines_hall_and_line(app: Connection, lab: Buyer, farm: Seller) -> None:
    describe(farm, market_gco2_per_kwh="20", matched_share="0.25")

    attempt, answered = use(app, lab, farm)

    machines = Decimal("12.345") / 3_600_000
    row = read(app, attempt)
    assert row["it_kwh"] == round(machines, 12)
    assert row["it_kwh"] + row["cooling_kwh"] == round(machines * Decimal("1.2"), 12)
    assert row["kwh"] == round(machines * Decimal("1.2") * Decimal("1.03"), 12)
    assert row["it_kwh"] + row["cooling_kwh"] + row["loss_kwh"] == row["kwh"]
    # Each account has its own factor, and heat is a share of what the meter shows.
    assert row["gco2e"] == round(row["kwh"] * Decimal("568.3"), 9)
    assert row["market_gco2e"] == round(row["kwh"] * 15, 9)
    assert row["market_kwh"] == row["kwh"]
    assert row["heat_kwh"] == row["kwh"] / 2
    assert (row["tier"], row["attribution"], row["grid"]) == ("declared", "apportioned", "CN-GZ")
    # The answer says what the record does, the first time and on a repeat.
    again = exchange.record(app, attempt)
    for told in (answered, again):
        assert {name: told[name] for name in FIGURES} == {name: row[name] for name in FIGURES}
    assert (answered["verdict"], again["verdict"]) == ("ok", "already")


def test_a_later_change_of_the_site_changes_no_answer(
    app: Connection, owner: Connection, lab: Buyer, farm: Seller
) -> None:
    first, answered = use(app, lab, farm)
    before = read(app, first)

    owner.execute("UPDATE site SET pue = 1.5, gco2_per_kwh = 20, grid_zone = 'SE' WHERE id = 1")
    describe(farm)
    second, _ = use(app, lab, farm)

    assert read(app, first) == before
    assert exchange.record(app, first)["intensity"] == answered["intensity"] == Decimal("568.3")
    # No line, no losses: not even by rounding.
    assert before["loss_kwh"] == 0
    # Nothing was contracted: the market's account says nothing, and speaks of no energy.
    assert (before["market_gco2e"], before["market_kwh"], before["heat_kwh"]) == (None, 0, 0)
    assert read(app, second)["intensity"] == 20
    # What says the same again is noted once.
    describe(farm)
    [count] = fetch(app, "SELECT count(*) FROM site_factors")
    assert count["count"] == 3


def test_what_buyers_abroad_used_is_exported(
    app: Connection, owner: Connection, lab: Buyer, farm: Seller
) -> None:
    others = [exchange.make_buyer(app, name) for name in ("Fund", "Home")]
    for buyer, country in zip((lab, *others), ("SE", "DE", "CN"), strict=True):
        owner.execute(
            "UPDATE accounts_organization SET country = %s WHERE id = %s", [country, buyer.organization_id]
        )
    for buyer, count in ((lab, 2), (others[0], 1), (others[1], 3)):
        for _ in range(count):
            use(app, buyer, farm)
    today = datetime.now(UTC).date()
    period = Period(today, today + timedelta(days=1))

    before = exports.list_exports(period=period)
    for _ in range(2):
        fetch(app, "SELECT fold_spend_v1(1000)")
    use(app, lab, farm)
    after = exports.list_exports(period=period)
    out = io.StringIO()
    call_command("exports", since=str(today), until=str(today + timedelta(days=1)), stdout=out)

    # The home country's own use is no export.
    assert [(one.destination, one.origin, one.currency, one.charges) for one in before] == [
        ("DE", "CN", "USD", 1),
        ("SE", "CN", "USD", 2),
    ]
    assert [one.charges for one in after] == [1, 3]
    [records] = fetch(
        app,
        "SELECT sum(u.kwh) AS kwh, sum(u.gco2e) AS gco2e, sum(c.amount) AS amount FROM usage_energy u"
        " JOIN charge c ON c.usage_id = u.usage_id JOIN dealing d ON d.usage_id = u.usage_id"
        " WHERE d.buyer_id <> %s",
        others[1].organization_id,
    )
    for name, total in records.items():
        assert sum(getattr(one, name) for one in after) == total
    assert [row["kwh"] for row in csv.DictReader(out.getvalue().splitlines())] == [
        format_plain(one.kwh) for one in after
    ]
    nothing = Period(today + timedelta(days=1), today + timedelta(days=2))
    assert exports.list_exports(period=nothing) == []


@pytest.mark.parametrize(("since", "until"), [("2026-02-30", None), ("2026-03-01", "2026-03-01")])
def test_a_period_that_cannot_be_is_refused(since: str, until: str | None) -> None:
    with pytest.raises(PeriodInvalid):
        read_period(since=since, until=until, now=exchange.NOW)


def test_grams_follow_the_series_of_the_grid(app: Connection, lab: Buyer, farm: Seller) -> None:
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    told = series.Described(
        slug="gz",
        name="Guizhou",
        kind="CARBON",
        zone="CN-GZ",
        resolution=60,
        source="made up",
        licence="none",
        unit="kWh",
    )
    points = (Point(hour, Decimal(480)), Point(hour + timedelta(hours=1), Decimal(510)))
    series.write_reading(
        series=series.create_series(described=told, actor=audit.SYSTEM, now=now),
        reading=Reading(points, 60, "kWh"),
        now=now,
    )
    describe(farm, carbon_series="gz")

    assert [site_factors.follow_carbon(now=moment) for moment in (now, now)] == [1, 0]
    _, answered = use(app, lab, farm)
    # A change of something else keeps the step that runs.
    describe(farm, carbon_series="gz", line_loss="0.04")
    _, changed = use(app, lab, farm)
    site_factors.follow_carbon(now=now + timedelta(hours=1))
    _, later = use(app, lab, farm)
    # After the last step nobody knows: the site's own figure holds.
    site_factors.follow_carbon(now=now + timedelta(hours=2))
    _, after = use(app, lab, farm)

    figures = [row["intensity"] for row in (answered, changed, later, after)]
    assert figures == [480, 480, 510, Decimal("568.3")]

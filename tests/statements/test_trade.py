"""The report of trade in services equals the ledger: charges, what was given back, exchange."""

from dataclasses import replace
from decimal import Decimal

import psycopg
import pytest

from accounts import audit
from accounts.models import Organization
from marketplace import sites
from marketplace.models import Site
from marketplace.sites import SiteInvalid
from tests.billing import exchange
from tests.cast import NOW
from tests.databases import Database
from tests.market import DAM
from tests.statements.scene import Scene
from workers import trade


def sell_abroad(scene: Scene) -> None:
    """Put the lab into another country than the site."""
    country = "CN" if Site.objects.get().country != "CN" else "SE"
    Organization.objects.using("owner").filter(pk=scene.lab.organization_id).update(country=country)


def test_it_counts_charges_less_what_was_given_back(scene: Scene) -> None:
    sell_abroad(scene)
    scene.refund(scene.charge(out=50))

    [row] = trade.list_trade(period=scene.period)

    assert (row.charges, row.tokens_out, row.chip_seconds) == (4, 275, Decimal(6))
    assert (row.charged, row.given_back) == (Decimal("0.55"), Decimal("0.1"))
    assert row.amount == scene.find_lost() == Decimal("0.45")
    assert row.kwh > 0
    header, line = trade.write_csv([row], period=scene.period).splitlines()
    assert header.startswith("since,until,exporter,importer")
    assert ",0.55,0.1,0.45," in line


def test_what_is_sold_at_home_is_no_trade(scene: Scene) -> None:
    country = Site.objects.get().country
    Organization.objects.using("owner").filter(pk=scene.lab.organization_id).update(country=country)

    assert trade.list_trade(period=scene.period) == []


def test_the_spread_of_a_conversion_is_income_from_exchange(scene: Scene, db: Database) -> None:
    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        exchange.set_rate(owner, "USD", "EUR", mid="1.1", rate="1.1055")
    yard = exchange.make_seller(scene.app, "Yard", currency="EUR", slug="other")
    used = exchange.record(scene.app, exchange.admit(scene.app, scene.lab, yard).attempt_id)
    exchange.post_charges(scene.app)
    Organization.objects.using("owner").filter(pk=scene.lab.organization_id).update(country="KE")

    rows = trade.list_trade(period=scene.period)
    scene.refund(used["usage_id"])
    after = trade.list_trade(period=scene.period)

    assert sum(row.fx_income for row in rows) == Decimal("0.0011")
    assert sum(row.amount for row in rows) == Decimal("0.45") + Decimal("0.2211")
    assert sum(row.fx_income for row in after) == 0
    assert sum(row.amount for row in after) == Decimal("0.45")


def test_a_site_that_sold_stays_in_its_country(scene: Scene) -> None:
    site = Site.objects.get()
    elsewhere = "NO" if site.country != "NO" else "SE"

    with pytest.raises(SiteInvalid, match="country"):
        sites.change_site(site=site, described=replace(DAM, country=elsewhere), actor=audit.SYSTEM, now=NOW)

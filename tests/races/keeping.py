"""Races around what is kept for everybody: partitions of tables, and factors of sites."""

from decimal import Decimal

import psycopg

from marketplace.models import Site, SiteEnergy
from tests.billing import exchange as ex
from tests.billing.exchange import fetch
from tests.races.interleaving import overlap
from tests.races.stage import Stage, call


def partitions_are_made_once(stage: Stage) -> bool:
    with psycopg.connect(stage.db.owner_dsn, autocommit=True) as owner:
        owner.execute("SELECT setval('usage_id_seq', 6000000)")
    ensure = call("SELECT sum(made) FROM ensure_partitions_v1()")
    outcome = overlap(stage.db, ensure, ensure)
    return outcome.error is None and outcome.value == 0


def years_of_series_are_made_once(stage: Stage) -> bool:
    with psycopg.connect(stage.db.owner_dsn, autocommit=True) as owner:
        (last,) = owner.execute(
            "SELECT max(inhrelid::regclass::text) FROM pg_inherits"
            " WHERE inhparent = 'series_point'::regclass AND inhrelid::regclass::text ~ '[0-9]$'"
        ).fetchone() or ("",)
        owner.execute(f"DROP TABLE {last}".encode())
    ensure = call("SELECT sum(made) FROM ensure_series_partitions_v1()")
    outcome = overlap(stage.db, ensure, ensure)
    return outcome.error is None and outcome.value == 0


def factors_are_read_behind_a_change_of_the_site(stage: Stage) -> bool:
    SiteEnergy.objects.create(site=Site.objects.get(), carbon_series="gz", updated_at=ex.NOW)
    change = call("UPDATE site SET pue = 1.5 RETURNING 1")
    outcome = overlap(stage.db, change, call("SELECT note_site_factors_v1(id, 'gz', 480) FROM site"))
    newest = fetch(stage.app, "SELECT pue, gco2_per_kwh FROM site_factors ORDER BY id DESC LIMIT 1")
    return outcome.error is None and newest == [{"pue": Decimal("1.5"), "gco2_per_kwh": Decimal(480)}]

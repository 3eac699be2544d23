"""Races around usage that was sold at a cap: collected, settled, refunded."""

from typing import Any

import psycopg

from tests.billing import exchange as ex
from tests.billing.exchange import fetch_value
from tests.races.interleaving import overlap
from tests.races.stage import Stage, call


def charge_at_a_cap(stage: Stage) -> int:
    """Record and post usage of a card that was sold at its cap, and let it wait; the number of the usage."""
    with psycopg.connect(stage.db.owner_dsn, autocommit=True) as owner:
        owner.execute("ALTER TABLE price_card DISABLE TRIGGER USER")
        owner.execute("UPDATE price_card SET capped = true")
        owner.execute("ALTER TABLE price_card ENABLE TRIGGER USER")
    ex.record(stage.app, stage.admit(stage.lab).attempt_id)
    ex.post_charges(stage.app)
    fold = call("SELECT fold_spend_v1(1000)")
    for _ in range(2):
        fold(stage.app)
    return int(fetch_value(stage.app, "SELECT max(usage_id) FROM charge"))


def capped_usage_is_collected_once(stage: Stage) -> bool:
    charge_at_a_cap(stage)
    collect = call("SELECT collect_capped_v1(1000)")
    outcome = overlap(stage.db, collect, collect)
    return outcome.error is None and outcome.value == 0


SETTLE = """
SELECT settle_capped_v1(a.card_id, {}, {}, {}, {}, {}, {}, {}, 1000)
  FROM attempt a JOIN usage_record u ON u.attempt_id = a.id WHERE u.id = {usage}
"""
NOTHING = "ARRAY[]::numeric[]"


def settlers_share_what_waits_without_waiting(stage: Stage) -> bool:
    usage = charge_at_a_cap(stage)
    call("SELECT collect_capped_v1(1000)")(stage.app)
    # The price is found first, so that both have only the usage to meet at.
    with psycopg.connect(stage.db.owner_dsn, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO final_price (card_id, starts_at, ends_at, per_kwh, input_price, cached_input_price,"
            " output_price, chip_second_price)"
            " SELECT card_id, started_at, started_at + interval '1 hour', 0.05, 0, 0, 0, 0 FROM attempt"
        )
    settle = call(SETTLE.format(*["ARRAY[]::timestamptz[]"] * 2, *[NOTHING] * 5, usage=usage))
    outcome = overlap(stage.db, settle, settle)
    given = fetch_value(stage.app, "SELECT count(*) FROM give_back")
    return not outcome.waited and (outcome.error, outcome.value, given) == (None, 0, 1)


def refund_sees_what_was_given_back(stage: Stage) -> bool:
    usage = charge_at_a_cap(stage)
    give = call("SELECT settled FROM give_back_v1(ARRAY[%s]::bigint[], ARRAY[0], ARRAY[0], ARRAY[1])", usage)

    def look(connection: psycopg.Connection[Any]) -> int:
        connection.execute("SELECT lock_refunds_v1()")
        return int(fetch_value(connection, "SELECT count(*) FROM give_back"))

    return bool(overlap(stage.db, give, look).value == 1)

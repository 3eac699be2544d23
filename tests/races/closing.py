"""Races around the end of a period: whoever posts and whoever closes wait for each other."""

from typing import Any

import psycopg

from tests.billing import exchange as ex
from tests.billing import periods
from tests.billing.exchange import fetch_value
from tests.races.interleaving import overlap
from tests.races.stage import Stage, call


def post_late(connection: psycopg.Connection[Any]) -> int:
    """Post what happened in the period; gives the entry."""
    account = ex.account(connection, "CLEARING_BANK"), ex.account(connection, "CAPITAL")
    query = "SELECT entry_id FROM post_v1('late:1', 'CAPITAL', 'test', '', %s, %s::bigint[], '{1,-1}')"
    return int(fetch_value(connection, query, periods.NOON, sorted(account)))


def closer_waits_for_who_posts(stage: Stage) -> bool:
    approval = periods.approve(stage.db, periods.DAY)
    outcome = overlap(stage.db, post_late, call(periods.CLOSE, approval))
    return outcome.waited and outcome.error is not None


def late_posting_sees_the_period_closed(stage: Stage) -> bool:
    approval = periods.approve(stage.db, periods.DAY)
    outcome = overlap(stage.db, call(periods.CLOSE, approval), post_late)
    booked = fetch_value(stage.app, "SELECT booked_on FROM entry WHERE key = 'late:1'")
    return outcome.error is None and booked is not None


def checkpoints_are_kept_once(stage: Stage) -> bool:
    periods.number(stage.app)
    keep = call("SELECT keep_checkpoints_v1(1)")
    outcome = overlap(stage.db, keep, keep)
    return outcome.error is None

"""Races around payouts: one item is paid once, and two who hear of a payout take turns."""

import psycopg

from tests.billing import books, settled_books
from tests.billing.exchange import fetch, fetch_value
from tests.races.freezing import FREEZE
from tests.races.interleaving import overlap
from tests.races.stage import Stage, call

PAY = "SELECT pay_item_v1(%s, gen_random_uuid(), false, now())"

CONNECT = (
    "INSERT INTO connect_account (organization_id, country, account_id, state, asked_at)"
    " VALUES (%s, 'SE', 'acct_1', 'READY', now()) RETURNING 1"
)


def settle(stage: Stage) -> None:
    """One batch in execution with an item to pay, one payout that is paid."""
    with psycopg.connect(stage.db.dsn, autocommit=True) as app:
        settled_books.settle(app, stage.farm.organization_id, *books.decide(app))


def find_due(stage: Stage) -> tuple[int, int]:
    """An item that is to be paid, and the account that owes it."""
    settle(stage)
    [row] = fetch(
        stage.app,
        "SELECT i.id, i.account_id FROM settlement_item i JOIN settlement_batch b"
        " ON b.id = i.batch_id WHERE b.state = 'EXECUTING' AND i.outcome IS NULL",
    )
    return row["id"], row["account_id"]


def item_is_paid_once(stage: Stage) -> bool:
    due, _ = find_due(stage)
    pay = call(PAY, due)
    outcome = overlap(stage.db, pay, pay)
    return outcome.error is None and outcome.value == "PAID_OUT"


def frozen_earnings_are_not_paid(stage: Stage) -> bool:
    due, owed = find_due(stage)
    outcome = overlap(stage.db, call(FREEZE, owed), call(PAY, due))
    return outcome.error is None and outcome.value == "STOPPED"


def earnings_on_their_way_are_not_frozen(stage: Stage) -> bool:
    due, owed = find_due(stage)
    outcome = overlap(stage.db, call(PAY, due), call(FREEZE, owed))
    return outcome.error is None and outcome.value == 0


def news_of_a_payout_take_turns(stage: Stage) -> bool:
    settle(stage)
    uid = fetch_value(stage.app, "SELECT min(uid::text) FROM payout WHERE state = 'PLANNED'")
    # By hand it would take two people to say so.
    fetch(stage.app, "SELECT reroute_payout_v1(%s::uuid, 'bank', NULL, 'blocked', 'test', now())", uid)
    hear = call(
        "SELECT move_payout_v1(%s::uuid, 'PAID', 'E2', '', 'CLEARING_BANK', 'test', now(), now())",
        uid,
    )
    outcome = overlap(stage.db, hear, hear)
    return outcome.error is None and outcome.value is False


def rail_is_left_before_it_is_claimed(stage: Stage) -> bool:
    settle(stage)
    uid = fetch_value(stage.app, "SELECT min(uid::text) FROM payout WHERE state = 'PLANNED'")
    choose = "SELECT reroute_payout_v1(%s::uuid, %s, NULL, 'blocked', 'test', now())"
    fetch(stage.app, choose, uid, "stripe_connect")
    fetch(stage.app, CONNECT, stage.farm.organization_id)
    leave = call(choose, uid, "manual")
    claim = call("SELECT claim_connect_transfer_v1(%s::uuid, 'acct_1', now())", uid)
    outcome = overlap(stage.db, leave, claim)
    return outcome.error is None and outcome.value is False

"""Races around money that may not move."""

from decimal import Decimal

import psycopg

from core import ids
from tests.billing import exchange as ex
from tests.billing.exchange import fetch_value
from tests.races.interleaving import overlap
from tests.races.stage import Stage, admission, call

FREEZE = "SELECT amount FROM freeze_v1(gen_random_uuid(), %s, 'a court', gen_random_uuid(), now())"
APPROVE = """
UPDATE approval SET state = 'APPROVED', approved_by = %s, approved_sha256 = sha256, approved_at = now()
 WHERE id = %s
"""


def credit_payable(stage: Stage, amount: Decimal) -> int:
    """Owe the farm something; gives the account."""
    payable = ex.account(stage.app, "PAYABLE", stage.farm.organization_id)
    capital = ex.account(stage.app, "CAPITAL")
    ex.post(stage.app, [capital, payable], [amount, -amount], kind="CAPITAL")
    return payable


def freezing_sees_what_a_job_holds(stage: Stage) -> bool:
    outcome = overlap(stage.db, admission(stage, [stage.lab], wait=True), call(FREEZE, stage.lab.account_id))
    return outcome.error is None and outcome.value == 1


def release_sees_what_was_frozen_since(stage: Stage) -> bool:
    payable = credit_payable(stage, Decimal(1))
    freeze = call(FREEZE, payable)
    freeze(stage.app)
    with psycopg.connect(stage.db.owner_dsn, autocommit=True) as owner:
        people = [ex.make_person(owner, f"{ids.make_uid()}@example.org") for _ in range(2)]
        first, second = (fetch_value(owner, "SELECT uid FROM accounts_user WHERE id = %s", p) for p in people)
        approval = fetch_value(
            owner,
            "SELECT approval_id FROM request_approval_v1(gen_random_uuid(), 'release_freeze', 'one',"
            " (SELECT jsonb_build_object('freeze', uid, 'amount', frozen::text, 'to', 'OWNER')::text"
            " FROM money_freeze), %s, now())",
            first,
        )
        owner.execute(APPROVE, [second, approval])
    credit_payable(stage, Decimal(5))
    release = call("SELECT release_freeze_v1(id, %s, now()) FROM money_freeze", approval)
    outcome = overlap(stage.db, freeze, release)
    return outcome.error is not None and outcome.error.diag.constraint_name == "freeze_is_approved"


def freezing_waits_for_who_lets_go(stage: Stage) -> bool:
    """Before it looks at any balance: whoever lets go locks the freeze first, and the balance after it."""
    freeze = call(FREEZE, credit_payable(stage, Decimal(1)))
    freeze(stage.app)
    outcome = overlap(stage.db, call("SELECT id FROM money_freeze FOR NO KEY UPDATE"), freeze)
    return outcome.error is None and outcome.waited

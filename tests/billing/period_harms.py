"""Harms to periods that are closed."""

from tests.billing.harm import NEW, Copy, Harm

LATER = {"starts_on": "ends_on + 1", "ends_on": "ends_on + 30", "closed_at": "closed_at + interval '40 days'"}
FRESH = {"id": NEW, "uid": "gen_random_uuid()", "approval_id": "(SELECT max(id) FROM approval)"}


def period(**changes: str) -> Copy:
    """A copy of a closed period, as the one that follows it."""
    return Copy("accounting_period", FRESH | LATER | changes)


def balance(**changes: str) -> Copy:
    """A copy of a closing balance."""
    return Copy("period_balance", changes)


CHECKPOINT = "INSERT INTO balance_checkpoint VALUES (9, now(), now(), '2020-01-01', '2020-01-01')"
KEPT = "INSERT INTO checkpoint_balance VALUES (9, 1, 5)"

HARMS: dict[str, Harm] = {
    "accounting_period.accounting_period_pkey": period(id="id"),
    "accounting_period.accounting_period_uid_key": period(uid="uid"),
    "accounting_period.accounting_period_approval_id_key": period(approval_id="approval_id"),
    "accounting_period.accounting_period_approval_id_fkey": period(approval_id=NEW),
    "accounting_period.accounting_period_chain_check": period(chain="'short'"),
    "accounting_period.accounting_period_sha256_check": period(sha256="'none'"),
    "accounting_period.accounting_period_is_over": period(closed_at="ends_on + 30"),
    "accounting_period.accounting_period_follows": period(starts_on="ends_on + 2"),
    "accounting_period.accounting_period_append_only": (
        "UPDATE accounting_period SET closed_at = closed_at + interval '1 day'"
    ),
    "accounting_period.accounting_period_no_truncate": "TRUNCATE accounting_period CASCADE",
    "period_balance.period_balance_pkey": balance(),
    "period_balance.period_balance_amount_check": balance(
        account_id="(SELECT max(id) FROM ledger_account)", amount="0"
    ),
    "period_balance.period_balance_period_id_fkey": balance(period_id=NEW),
    "period_balance.period_balance_account_id_fkey": balance(account_id=NEW),
    "period_balance.period_balance_append_only": "UPDATE period_balance SET amount = amount + 1",
    "period_balance.period_balance_no_truncate": "TRUNCATE period_balance",
    "balance_checkpoint.balance_checkpoint_pkey": f"{CHECKPOINT}; {CHECKPOINT}",
    "balance_checkpoint.balance_checkpoint_seq_check": CHECKPOINT.replace("(9,", "(0,"),
    "checkpoint_balance.checkpoint_balance_pkey": f"{CHECKPOINT}; {KEPT}; {KEPT}",
    "checkpoint_balance.checkpoint_balance_seq_fkey": KEPT,
}

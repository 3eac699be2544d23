"""Harms to what two people decide, and to what is paid out."""

from tests.billing.harm import NEW, Copy, Harm


def approval(of: str = "state = 'PENDING'", **changes: str) -> Copy:
    """A copy of an approval, of another subject."""
    fresh = {"id": NEW, "uid": "gen_random_uuid()", "subject": "'another'"}
    return Copy("approval", fresh | changes, of)


OTHER_HASH = "encode(sha256('x'), 'hex')"
DECIDED = {"approved_by": "(SELECT approved_by FROM approval WHERE state = 'APPROVED' LIMIT 1)"}

APPROVALS: dict[str, Harm] = {
    "approval.approval_pkey": approval(id="id"),
    "approval.approval_uid_key": approval(uid="uid"),
    "approval.approval_one_open": approval(subject="subject"),
    "approval.approval_is_named": (approval(kind="'A kind'"), approval(subject="''")),
    "approval.approval_hashes_content": (approval(canonical="'{ }'"), approval(sha256=OTHER_HASH)),
    "approval.approval_by_two": approval("state = 'APPROVED'", approved_by="prepared_by"),
    "approval.approval_of_content": approval("state = 'APPROVED'", approved_sha256=OTHER_HASH),
    "approval.approval_is_sound": (
        approval(state="'LOST'"),
        approval(state="'APPROVED'"),
        approval(state="'REJECTED'"),
        approval(state="'VOID'"),
        approval(ended_at="now()"),
        approval(**DECIDED),
        approval("state = 'APPROVED'", approved_at="NULL"),
    ),
    "approval.approval_prepared_by_fkey": approval(prepared_by="gen_random_uuid()"),
    "approval.approval_approved_by_fkey": approval("state = 'APPROVED'", approved_by="gen_random_uuid()"),
    "approval.approval_ended_by_fkey": approval(
        state="'REJECTED'", ended_at="now()", ended_by="gen_random_uuid()"
    ),
    "approval.approval_history": "UPDATE approval SET prepared_at = now()",
    "approval.approval_kept": "DELETE FROM approval WHERE state = 'PENDING'",
    "approval.approval_no_truncate": "TRUNCATE approval CASCADE",
}

STRANGER = "gen_random_uuid()"


def batch(of: str = "DRAFT", **changes: str) -> Copy:
    """A copy of a batch, of another entity."""
    fresh = {"id": NEW, "uid": STRANGER, "entity": "'HAINAN'"}
    return Copy("settlement_batch", fresh | changes, f"state = '{of}'")


def item(**changes: str) -> Copy:
    """A copy of a draft's item, on another account."""
    other = "(SELECT id FROM ledger_account WHERE purpose = 'CLEARING_BANK' LIMIT 1)"
    fresh = {"id": NEW, "uid": STRANGER, "account_id": other}
    return Copy("settlement_item", fresh | changes, f"batch_id = ({DRAFT})")


def payout(**changes: str) -> Copy:
    """A copy of a payout as that of the other item of its batch, which is owed the same."""
    due = f"(SELECT {{}} FROM settlement_item WHERE batch_id = ({EXECUTING}) AND outcome IS NULL)"
    other = {name: due.format(name) for name in ("organization_id", "account_id")}
    fresh = {"id": NEW, "uid": STRANGER, "item_id": due.format("id")} | other
    return Copy("payout", fresh | changes, "state = 'PLANNED'")


EXECUTING = "SELECT id FROM settlement_batch WHERE state = 'EXECUTING'"
DRAFT = "SELECT id FROM settlement_batch WHERE state = 'DRAFT'"
PAID = {"state": "'PAID'", "sent_at": "now()", "paid_at": "now()", "clearing": "'CLEARING_BANK'"}

SETTLEMENTS: dict[str, Harm] = {
    "payout_schedule.payout_schedule_pkey": Copy("payout_schedule", {}),
    "payout_schedule.payout_schedule_organization_id_fkey": Copy("payout_schedule", {"organization_id": NEW}),
    "payout_schedule.payout_schedule_is_sound": Copy(
        "payout_schedule", {"organization_id": "1", "every": "'HOURLY'"}
    ),
    "payout_term.payout_term_pkey": Copy("payout_term", {}),
    "payout_term.payout_term_currency_fkey": Copy("payout_term", {"currency": "'XXX'"}),
    "payout_term.payout_term_is_sound": (
        Copy("payout_term", {"currency": "'USD'", "minimum": "-1"}),
        Copy("payout_term", {"currency": "'USD'", "fee": "'NaN'"}),
        Copy("payout_term", {"currency": "'USD'", "held_days": "-1"}),
        Copy("payout_term", {"currency": "'USD'", "held_max": "-1"}),
    ),
    "settlement_batch.settlement_batch_pkey": batch(id="id"),
    "settlement_batch.settlement_batch_uid_key": batch(uid="uid"),
    "settlement_batch.settlement_one_open": batch(entity="entity"),
    "settlement_batch.settlement_batch_entity_fkey": batch(entity="'NOWHERE'"),
    "settlement_batch.settlement_batch_currency_fkey": batch(currency="'XXX'"),
    "settlement_batch.settlement_batch_prepared_by_fkey": batch("DONE", prepared_by=STRANGER),
    "settlement_batch.settlement_batch_approved_by_fkey": batch("DONE", approved_by=STRANGER),
    "settlement_batch.settlement_by_two": batch("DONE", approved_by="prepared_by"),
    "settlement_batch.settlement_batch_is_sound": (
        batch(state="'LOST'"),
        batch(state="'SUBMITTED'"),
        batch(state="'VOID'"),
        batch(cutoff_seq="-1"),
        batch(period="''"),
        batch(content_sha256="'x'"),
        batch("DONE", ended_at="NULL"),
        batch("DONE", approved_at="NULL"),
        batch("EXECUTING", started_at="NULL"),
    ),
    "settlement_batch.settlement_history": "UPDATE settlement_batch SET period = 'x' WHERE state = 'DONE'",
    "settlement_batch.settlement_kept": "DELETE FROM settlement_batch WHERE state = 'DONE'",
    "settlement_batch.settlement_no_truncate": "TRUNCATE settlement_batch",
    "settlement_item.settlement_item_pkey": item(id="id"),
    "settlement_item.settlement_item_uid_key": item(uid="uid"),
    "settlement_item.settlement_item_batch_id_account_id_key": item(account_id="account_id"),
    "settlement_item.settlement_item_organization_id_fkey": item(organization_id=NEW),
    "settlement_item.settlement_item_account_id_fkey": item(account_id=NEW),
    "settlement_item.settlement_item_is_sound": (
        item(amount="amount + 1"),
        item(amount="-1", carried="carried + amount + 1", refusal="'NEW'"),
        item(released="1", carried="carried + 1"),
        item(held="-1", carried="carried + 1"),
        item(tax="-1", carried="carried + 1"),
        item(fee="-1", carried="carried + 1"),
        item(refusal="'NEW'"),
        item(withholding_bps="10001"),
        item(rail="''"),
        item(outcome="'CARRIED'"),
        item(outcome="'LOST'", done_at="now()"),
    ),
    "settlement_item.settlement_item_fixed": "UPDATE settlement_item SET fee = fee WHERE done_at IS NOT NULL",
    "settlement_item.settlement_item_no_truncate": "TRUNCATE settlement_item",
    "settlement_line.settlement_line_pkey": Copy(
        "settlement_line", {}, f"item_id IN (SELECT id FROM settlement_item WHERE batch_id = ({DRAFT}))"
    ),
    "settlement_line.settlement_line_fixed": "DELETE FROM settlement_line",
    "settlement_line.settlement_line_no_truncate": "TRUNCATE settlement_line",
    "payout.payout_pkey": payout(id="id"),
    "payout.payout_uid_key": payout(uid="uid"),
    "payout.payout_item_id_key": payout(
        item_id="item_id", organization_id="organization_id", account_id="account_id"
    ),
    "payout.payout_external_id_key": payout(state="'SENT'", sent_at="now()", external_id="'E1'"),
    "payout.payout_is_sound": (
        payout(state="'LOST'"),
        payout(rail="''"),
        payout(external_id="'E9'"),
        payout(state="'SENT'"),
        payout(**PAID, ended_at="now()"),
        payout(**PAID | {"clearing": "NULL"}),
        payout(state="'RETURNED'", sent_at="now()", ended_at="now()"),
        payout(state="'FAILED'", ended_at="now()"),
    ),
    "payout.payout_history": "UPDATE payout SET amount = amount + 1 WHERE state = 'PAID'",
    # By hand, on its way, and nobody but the one who writes this says that it was paid.
    "payout.payout_by_two": (
        "UPDATE payout SET state = 'SENT', sent_at = now() WHERE state = 'PLANNED' AND rail = 'manual';"
        f" UPDATE payout SET {', '.join(f'{name} = {value}' for name, value in PAID.items())}"
        " WHERE state = 'SENT' AND rail = 'manual'"
    ),
    "payout.payout_kept": "DELETE FROM payout",
    "payout.payout_no_truncate": "TRUNCATE payout CASCADE",
    "payout_step.payout_step_pkey": Copy("payout_step", {"entry_id": "NULL"}),
    "payout_step.payout_step_entry_id_key": Copy("payout_step", {"id": NEW}, "entry_id IS NOT NULL"),
    "payout_step.payout_step_entry_id_fkey": Copy("payout_step", {"id": NEW, "entry_id": NEW}),
    "payout_step.payout_step_append_only": "UPDATE payout_step SET reason = 'another story'",
    "payout_step.payout_step_no_truncate": "TRUNCATE payout_step",
}
HARMS = APPROVALS | SETTLEMENTS

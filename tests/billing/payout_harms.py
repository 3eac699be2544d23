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

HARMS = APPROVALS

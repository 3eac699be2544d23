"""Harms to where money is sent: methods, files, deposits on chain."""

from tests.billing.harm import NEW, Copy, Harm

NOBODY = "'00000000-0000-0000-0000-000000000000'"
OTHER = f"'{'f' * 64}'"
HASH = "'0x" + "e" * 64 + "'"


def method(of: str = "state = 'PENDING'", **changes: str) -> Copy:
    """A copy of a method, for another account."""
    fresh = {"id": NEW, "uid": "gen_random_uuid()", "fingerprint": OTHER}
    return Copy("payout_method", fresh | changes, of)


def file(of: str = "state = 'VOID'", **changes: str) -> Copy:
    """A copy of a file that was thrown away."""
    return Copy("rail_file", {"id": NEW, "uid": "gen_random_uuid()"} | changes, of)


def line(**changes: str) -> Copy:
    """A copy of a payout's line in the file that was thrown away."""
    return Copy("rail_file_payout", changes, "NOT live")


def answer(**changes: str) -> Copy:
    """A copy of an answer, with another content."""
    fresh = {"id": NEW, "content": "'y'", "sha256": "encode(sha256('y'), 'hex')"}
    return Copy("rail_answer", fresh | changes)


def payer(**changes: str) -> Copy:
    """A copy of an account to pay from."""
    return Copy("payer_account", {"id": NEW, "currency": "'EUR'"} | changes)


def address(of: str = "organization_id IS NULL", **changes: str) -> Copy:
    """A copy of an address, which is another."""
    return Copy("chain_address", {"id": NEW, "address": f"'0x{'d' * 40}'"} | changes, of)


def deposit(of: str = "state = 'SEEN'", **changes: str) -> Copy:
    """A copy of a deposit, of another transaction."""
    return Copy("chain_deposit", {"id": NEW, "tx_hash": HASH} | changes, of)


METHODS: dict[str, Harm] = {
    "payout_method.payout_method_pkey": method(id="id"),
    "payout_method.payout_method_uid_key": method(uid="uid"),
    "payout_method.payout_method_once": method(fingerprint="fingerprint"),
    "payout_method.payout_method_organization_id_fkey": method(organization_id=NEW),
    "payout_method.payout_method_currency_fkey": method(currency="'ABC'"),
    "payout_method.payout_method_by_two": method("state = 'READY'", verified_by="added_by"),
    "payout_method.payout_method_is_sound": (
        method(state="'LOST'"),
        method(state="'READY'"),
        method(state="'BLOCKED'"),
        method(state="'RETIRED'"),
        method(ended_at="now()"),
        method(verified_at="now()"),
        method(country="'usa'"),
        method(rail="'Bank'"),
        method(fingerprint="'short'"),
        method(hint="''"),
        method(rank="-1"),
        method(details="''"),
        method(payable_from="added_at - interval '1 second'"),
    ),
    "payout_method.payout_method_history": "UPDATE payout_method SET hint = '…2' WHERE state = 'READY'",
    "payout_method.payout_method_kept": "DELETE FROM payout_method WHERE state = 'PENDING'",
    "payout_method.payout_method_no_truncate": "TRUNCATE payout_method",
}
FILES: dict[str, Harm] = {
    "rail_file.rail_file_pkey": file(id="id"),
    "rail_file.rail_file_uid_key": file(uid="uid"),
    "rail_file.rail_file_external_id_key": file("state = 'SENT'"),
    "rail_file.rail_file_currency_fkey": file(currency="'ABC'"),
    "rail_file.rail_file_made_by_fkey": file(made_by=NOBODY),
    "rail_file.rail_file_sent_by_fkey": file(
        state="'SENT'", voided_at="NULL", sent_by=NOBODY, sent_at="now()"
    ),
    "rail_file.rail_file_is_sound": (
        file(state="'LOST'"),
        file(state="'MADE'"),
        file(state="'SENT'", voided_at="NULL"),
        file(voided_at="NULL"),
        file(external_id="'ty'"),
        file(sha256="'short'"),
        file(content="''"),
        file(payments="0"),
        file(total="0"),
        file(total="'NaN'"),
        file(sent_at="now()"),
    ),
    "rail_file.rail_file_history": "UPDATE rail_file SET total = total + 1 WHERE state = 'SENT'",
    "rail_file.rail_file_kept": "DELETE FROM rail_file WHERE state = 'VOID'",
    "rail_file_payout.rail_file_payout_pkey": line(),
    "rail_file_payout.rail_file_payout_once": "UPDATE rail_file_payout SET live = true",
    "rail_answer.rail_answer_pkey": answer(id="id"),
    "rail_answer.rail_answer_once": answer(content="content", sha256="sha256"),
    "rail_answer.rail_answer_file_id_fkey": answer(file_id=NEW),
    "rail_answer.rail_answer_is_sound": answer(sha256="repeat('0', 64)"),
    "rail_answer.rail_answer_append_only": "DELETE FROM rail_answer",
    "payer_account.payer_account_pkey": payer(id="id"),
    "payer_account.payer_account_once": payer(currency="currency"),
    "payer_account.payer_account_currency_fkey": payer(currency="'ABC'"),
    "payer_account.payer_account_is_sound": (payer(rail="''"), payer(details="'[]'")),
    "payout.payout_in_file": "UPDATE payout SET rail = 'other' WHERE state = 'PLANNED'",
}
GIVEN_TO_ANOTHER = (
    "UPDATE chain_deposit SET approval_id = (SELECT max(id) FROM approval WHERE kind = 'settlement'),"
    " assigned_entry_id = 1, assigned_at = now() WHERE state = 'CREDITED' AND approval_id IS NULL"
)
CREDITED = "state = 'CREDITED' AND approval_id IS NULL"
CHAIN: dict[str, Harm] = {
    "chain_address.chain_address_pkey": address(id="id"),
    "chain_address.chain_address_address_key": address(address="address"),
    "chain_address.chain_address_organization_id_key": address("organization_id IS NOT NULL"),
    "chain_address.chain_address_organization_id_fkey": address(organization_id=NEW, assigned_at="now()"),
    "chain_address.chain_address_is_sound": (
        address(address="'0x1'"),
        address(assigned_at="now()"),
    ),
    "chain_address.chain_address_history": (
        "UPDATE chain_address SET organization_id = NULL, assigned_at = NULL"
        " WHERE organization_id IS NOT NULL"
    ),
    "chain_address.chain_address_kept": "DELETE FROM chain_address WHERE organization_id IS NULL",
    "chain_deposit.chain_deposit_pkey": deposit(id="id"),
    "chain_deposit.chain_deposit_once": deposit(tx_hash="tx_hash"),
    "chain_deposit.chain_deposit_organization_id_fkey": deposit(CREDITED, organization_id=NEW, entry_id="1"),
    "chain_deposit.chain_deposit_entry_id_key": deposit(CREDITED),
    "chain_deposit.chain_deposit_entry_id_fkey": deposit(CREDITED, entry_id=NEW),
    "chain_deposit.chain_deposit_approval_id_fkey": deposit(
        "approval_id IS NOT NULL", entry_id="1", assigned_entry_id="1", approval_id=NEW
    ),
    "chain_deposit.chain_deposit_assigned_entry_id_key": deposit("approval_id IS NOT NULL", entry_id="1"),
    "chain_deposit.chain_deposit_assigned_entry_id_fkey": deposit(
        "approval_id IS NOT NULL", entry_id="1", assigned_entry_id=NEW
    ),
    "chain_deposit.chain_deposit_assigned": (
        deposit(CREDITED, entry_id="1", assigned_at="now()"),
        deposit("approval_id IS NOT NULL", entry_id="1", assigned_entry_id="1", organization_id="NULL"),
    ),
    "chain_deposit.chain_deposit_is_sound": (
        deposit(state="'LOST'"),
        deposit(state="'CREDITED'"),
        deposit(credited_at="now()"),
        deposit(organization_id="1"),
        deposit(amount="0"),
        deposit(amount="'NaN'"),
        deposit(tx_hash="'0x1'"),
        deposit(block_hash="'0x1'"),
        deposit(chain_id="0"),
        deposit(log_index="-1"),
        deposit(block_number="-1"),
    ),
    "chain_deposit.chain_deposit_history": (
        f"UPDATE chain_deposit SET tx_hash = {HASH} WHERE state = 'SEEN'",
        GIVEN_TO_ANOTHER,
    ),
    "chain_deposit.chain_deposit_kept": "DELETE FROM chain_deposit WHERE state = 'SEEN'",
    "chain_cursor.chain_cursor_pkey": Copy("chain_cursor", {}),
    "chain_cursor.chain_cursor_read_to_check": Copy("chain_cursor", {"chain_id": NEW, "read_to": "-1"}),
}
HARMS = METHODS | FILES | CHAIN

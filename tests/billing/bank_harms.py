"""Harms to what banks say, and to what was reconciled."""

from tests.billing.harm import NEW, Copy, Harm

STRANGER = "gen_random_uuid()"
FREE = "(SELECT id FROM entry WHERE key = 'capital:1')"


PAID = "(SELECT id FROM entry WHERE key = 'bank:twin')"
OWNER = "(SELECT organization_id FROM bank_line WHERE state = 'WALLET')"
OTHER = f"(SELECT min(id) FROM accounts_organization WHERE id <> {OWNER})"


def act(state: str, what: str) -> str:
    """What somebody says of the line that nobody acted on; it is of one dollar."""
    return (
        f"UPDATE bank_line SET state = '{state}', reason = 'x', acted_at = now(), {what} WHERE state = 'NEW'"
    )


def account(**changes: str) -> Copy:
    """A copy of the account, with another number."""
    return Copy("bank_account", {"id": NEW, "uid": STRANGER, "number": "'NEW1'"} | changes)


def file(**changes: str) -> Copy:
    """A copy of the file, with another content."""
    other = {"content": "'x'", "sha256": "encode(sha256('x'), 'hex')"}
    return Copy("bank_file", {"id": NEW, "uid": STRANGER} | other | changes)


def statement(**changes: str) -> Copy:
    """A copy of the statement, under another name."""
    return Copy("bank_statement", {"id": NEW, "uid": STRANGER, "name": "'X'"} | changes)


def line(of: str = "NEW", **changes: str) -> Copy:
    """A copy of a line, under another reference."""
    fresh = {"id": NEW, "uid": STRANGER, "reference": "'X'"}
    if of == "WALLET":
        fresh["entry_id"] = FREE
    elif of != "NEW":
        fresh["suspense_entry_id"] = FREE
    return Copy("bank_line", fresh | changes, f"state = '{of}'")


def equation(**changes: str) -> Copy:
    """A copy of an equation that holds, under another name."""
    return Copy("reconciliation_line", {"id": NEW, "equation": "'X'"} | changes)


def note(**changes: str) -> Copy:
    """A copy of an explanation."""
    return Copy("reconciliation_note", {"id": NEW, "uid": STRANGER} | changes)


BANKS: dict[str, Harm] = {
    "bank_account.bank_account_pkey": account(id="id"),
    "bank_account.bank_account_uid_key": account(uid="uid"),
    "bank_account.bank_account_number_currency_key": account(number="number"),
    "bank_account.bank_account_currency_fkey": account(currency="'XXX'"),
    "bank_account.bank_account_entity_fkey": account(entity="'x'"),
    "bank_account.bank_account_is_sound": (
        account(number="'a b'"),
        account(currency="'XTS'"),
        account(bank="''"),
        account(holder="''"),
    ),
    "bank_file.bank_file_pkey": file(id="id"),
    "bank_file.bank_file_uid_key": file(uid="uid"),
    "bank_file.bank_file_sha256_key": file(content="content", sha256="sha256"),
    "bank_file.bank_file_received_by_fkey": file(received_by=STRANGER),
    "bank_file.bank_file_is_sound": (
        file(sha256="'x'"),
        file(state="'LOST'"),
        file(state="'REFUSED'"),
        file(refusal="'x'"),
    ),
    "bank_statement.bank_statement_pkey": statement(id="id"),
    "bank_statement.bank_statement_uid_key": statement(uid="uid"),
    "bank_statement.bank_statement_account_id_name_key": statement(name="name"),
    "bank_statement.bank_statement_account_id_fkey": statement(account_id=NEW),
    "bank_statement.bank_statement_file_id_fkey": statement(file_id=NEW),
    "bank_statement.bank_statement_is_sound": (
        statement(opens_on="closes_on + 1"),
        statement(opening="'NaN'"),
        statement(closing="'NaN'"),
    ),
    "bank_statement.bank_statement_append_only": "UPDATE bank_statement SET number = 9",
    "bank_statement.bank_statement_no_truncate": "TRUNCATE bank_statement CASCADE",
    "bank_line.bank_line_pkey": line(id="id"),
    "bank_line.bank_line_uid_key": line(uid="uid"),
    "bank_line.bank_line_account_id_reference_key": line(reference="reference"),
    "bank_line.bank_line_suspense_entry_id_key": line("SUSPENSE", suspense_entry_id="suspense_entry_id"),
    "bank_line.bank_line_entry_id_key": line("WALLET", entry_id="entry_id"),
    "bank_line.bank_line_counterpart_id_key": line("SENT_BACK"),
    "bank_line.bank_line_statement_id_fkey": line(statement_id=NEW),
    "bank_line.bank_line_account_id_fkey": line(account_id=NEW),
    "bank_line.bank_line_suspense_entry_id_fkey": line("SUSPENSE", suspense_entry_id=NEW),
    "bank_line.bank_line_entry_id_fkey": line("WALLET", entry_id=NEW),
    "bank_line.bank_line_organization_id_fkey": line("WALLET", organization_id=NEW),
    "bank_line.bank_line_payout_id_fkey": line("WALLET", payout_id=NEW),
    "bank_line.bank_line_counterpart_id_fkey": line("WALLET", counterpart_id="900000002"),
    "bank_line.bank_line_approval_id_fkey": line("WALLET", approval_id=NEW),
    "bank_line.bank_line_is_sound": (
        line(amount="0"),
        line(amount="'NaN'"),
        line(reference="''"),
        line(acted_at="now()"),
        line(entry_id=FREE),
        line("WALLET", state="'LOST'"),
        line("WALLET", organization_id="NULL"),
        line("WALLET", state="'PAYOUT'"),
        line("WALLET", state="'RETURN'"),
        line("WALLET", state="'FEE'", entry_id="NULL"),
        line("SUSPENSE", reason="''"),
        line("SUSPENSE", state="'RETURNING'"),
        line("SUSPENSE", state="'SENT_BACK'"),
        line("SUSPENSE", suspense_entry_id="NULL"),
    ),
    "bank_line.bank_line_history": (
        "UPDATE bank_line SET amount = amount + 1 WHERE state = 'NEW'",
        "UPDATE bank_line SET state = 'SENT_BACK', counterpart_id = 1 WHERE state = 'SUSPENSE'",
        "UPDATE bank_line SET state = 'FEE', entry_id = suspense_entry_id WHERE state = 'SUSPENSE'",
        "UPDATE bank_line SET state = 'FEE' WHERE state = 'WALLET'",
    ),
    "bank_line.bank_line_booked": (
        act("FEE", f"entry_id = {FREE}"),
        act("WALLET", f"entry_id = {PAID}, organization_id = {OTHER}"),
        act("WALLET", f"entry_id = {FREE}, organization_id = {OWNER}"),
        act("SUSPENSE", f"suspense_entry_id = {FREE}"),
    ),
    "bank_line.bank_line_kept": "DELETE FROM bank_line WHERE state = 'NEW'",
    "bank_line.bank_line_no_truncate": "TRUNCATE bank_line",
}
EQUATIONS: dict[str, Harm] = {
    "reconciliation_run.reconciliation_run_pkey": Copy("reconciliation_run", {"uid": STRANGER}),
    "reconciliation_run.reconciliation_run_uid_key": Copy("reconciliation_run", {"id": NEW}),
    "reconciliation_run.reconciliation_run_append_only": "UPDATE reconciliation_run SET made_by = 'y'",
    "reconciliation_run.reconciliation_run_no_truncate": "TRUNCATE reconciliation_run CASCADE",
    "reconciliation_line.reconciliation_line_pkey": equation(id="id"),
    "reconciliation_line.reconciliation_line_run_id_currency_equation_key": equation(equation="equation"),
    "reconciliation_line.reconciliation_line_run_id_fkey": equation(run_id=NEW),
    "reconciliation_line.reconciliation_line_currency_fkey": equation(currency="'XXX'"),
    "reconciliation_line.reconciliation_line_is_sound": (
        equation(theirs="ours + 1"),
        equation(theirs="NULL"),
        equation(state="'NO_SOURCE'"),
        equation(state="'DIFFERENT'"),
        equation(state="'BROKEN'"),
        equation(state="'HOLDS'", theirs="ours - 1"),
        equation(state="'LOST'"),
    ),
    "reconciliation_line.reconciliation_line_append_only": "UPDATE reconciliation_line SET detail = '[]'",
    "reconciliation_line.reconciliation_line_no_truncate": "TRUNCATE reconciliation_line",
    "reconciliation_note.reconciliation_note_pkey": note(id="id"),
    "reconciliation_note.reconciliation_note_uid_key": note(uid="uid"),
    "reconciliation_note.reconciliation_note_currency_fkey": note(currency="'XXX'"),
    "reconciliation_note.reconciliation_note_difference_check": note(difference="0"),
    "reconciliation_note.reconciliation_note_reason_check": note(reason="''"),
    "reconciliation_note.reconciliation_note_noted_by_fkey": note(noted_by=STRANGER),
    "reconciliation_note.reconciliation_note_append_only": "UPDATE reconciliation_note SET reason = 'y'",
    "reconciliation_note.reconciliation_note_no_truncate": "TRUNCATE reconciliation_note",
}
HARMS = BANKS | EQUATIONS

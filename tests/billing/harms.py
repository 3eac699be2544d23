"""
For every rule of the ledger's tables, a statement that only this rule refuses.

Written as the owner of the schema would write around the services. A harm copies a row of the table with some
columns changed, unless only other words can break the rule. Rules of one part of the money side are in files
of their own, `*_harms.py`, and listed at the end.
"""

from tests.billing import (
    bank_harms,
    claim_harms,
    compliance_harms,
    connect_harms,
    conversion_harms,
    fx_harms,
    heat_harms,
    invoice_harms,
    market_harms,
    payout_harms,
    period_harms,
    rail_harms,
    self_bill_harms,
    stripe_harms,
)
from tests.billing.harm import NEW, Copy, Harm

WALLET = "(SELECT id FROM ledger_account WHERE code = 'liability:wallet:1:USD')"
BANK = "(SELECT id FROM ledger_account WHERE code = 'asset:clearing_bank:USD')"
ENDED = "(SELECT id FROM attempt WHERE state = 'RECORDED' ORDER BY id LIMIT 1)"


def entry(**changes: str) -> Copy:
    """A copy of an entry between the bank and a wallet."""
    legs = {"accounts": f"ARRAY[{BANK}, {WALLET}]", "amounts": "'{5,-5}'"}
    return Copy("entry", {"id": NEW, "key": "'harm:1'", "reverses": "NULL"} | legs | changes)


def charge(**changes: str) -> Copy:
    """A copy of a charge of 0.2 dollars with a fee of 0.01."""
    return Copy("charge", {"usage_id": NEW} | changes, "overrun = 0 AND amount = 0.2")


def scope(**changes: str) -> Copy:
    """A copy of a monthly limit's row, for a month long ago in which nothing was spent."""
    fresh = {"id": NEW, "posted": "50", "held": "0", "period_start": "'2020-01-01'"}
    return Copy("scope", fresh | changes, "kind = 4 AND period_start IS NOT NULL")


def wallet(**changes: str) -> Copy:
    """A copy of a wallet."""
    return Copy(
        "scope",
        {"id": NEW, "period_start": "'2020-01-01'", "posted": "0", "held": "0"} | changes,
        "kind = 1",
    )


def limit(**changes: str) -> Copy:
    """A copy of a limit, of another key."""
    fresh = {"id": NEW, "uid": "gen_random_uuid()", "subject_id": NEW, "scope_id": "NULL"}
    return Copy("spending_limit", fresh | changes)


def hold(**changes: str) -> Copy:
    """A copy of an open hold."""
    return Copy("hold", {"id": NEW, "source": NEW} | changes, "state = 'OPEN' AND released = 0")


def account(**changes: str) -> Copy:
    """A copy of the wallet's account."""
    return Copy(
        "ledger_account", {"id": NEW, "code": "'x'", "currency": "'EUR'"} | changes, "purpose = 'WALLET'"
    )


def attempt(**changes: str) -> Copy:
    """A copy of an attempt that has ended."""
    return Copy(
        "attempt", {"id": NEW, "uid": "gen_random_uuid()", "number": "9"} | changes, "state = 'RECORDED'"
    )


def usage(**changes: str) -> Copy:
    """A copy of a usage record."""
    return Copy("usage_record", {"id": NEW, "seq": "9"} | changes, "claim_out IS NOT NULL")


def job(**changes: str) -> Copy:
    """A copy of a job that has ended well."""
    return Copy("job", {"id": NEW, "uid": "gen_random_uuid()"} | changes, "state = 'SUCCEEDED'")


def receipt(**changes: str) -> Copy:
    """A copy of a receipt."""
    return Copy("receipt", {"id": NEW, "attempt_uid": "gen_random_uuid()"} | changes)


HARMS: dict[str, Harm] = {
    # Append-only
    "entry.entry_append_only": "UPDATE entry SET reason = 'another story'",
    "entry.entry_no_truncate": "TRUNCATE entry CASCADE",
    "posting.posting_append_only": "UPDATE posting SET amount = amount * 2",
    "posting.posting_no_truncate": "TRUNCATE posting",
    "ledger_seq.ledger_seq_append_only": "UPDATE ledger_seq SET chain = sha256('x')",
    "ledger_seq.ledger_seq_no_truncate": "TRUNCATE ledger_seq",
    "charge.charge_append_only": "DELETE FROM charge",
    "charge.charge_no_truncate": "TRUNCATE charge",
    "charge_entry.charge_entry_append_only": "UPDATE charge_entry SET entry_id = 1",
    "charge_entry.charge_entry_no_truncate": "TRUNCATE charge_entry",
    "usage_record.usage_append_only": "UPDATE usage_record SET joules = 0",
    "usage_record.usage_no_truncate": "TRUNCATE usage_record",
    "receipt.receipt_append_only": "UPDATE receipt SET joules = 0",
    "receipt.receipt_no_truncate": "TRUNCATE receipt CASCADE",
    "ledger_account.ledger_account_identity": "UPDATE ledger_account SET code = code || 'x'",
    "ledger_account.ledger_account_kept": "INSERT INTO ledger_account (code, purpose, currency, category)"
    " VALUES ('income:heat:EUR', 'HEAT', 'EUR', 'INCOME');"
    " DELETE FROM ledger_account WHERE code = 'income:heat:EUR'",
    "attempt.attempt_history": f"UPDATE attempt SET state = 'FENCED' WHERE id = {ENDED}",
    "attempt.attempt_kept": "DELETE FROM attempt",
    "job.job_history": "UPDATE job SET billable_attempt_id = 1 WHERE billable_attempt_id > 1",
    "job.job_kept": "DELETE FROM job WHERE NOT EXISTS (SELECT 1 FROM attempt WHERE job_id = job.id)",
    # Entries and postings
    "entry.entry_posts": entry(amounts="'{5,-4}'"),
    "entry.entry_is_booked": entry(booked_on="'2020-01-01'"),
    "entry.entry_has_legs": (
        entry(accounts="'{}'", amounts="'{}'"),
        entry(
            accounts=f"array_fill({BANK}, ARRAY[1002])",
            amounts="array_fill(1::numeric, ARRAY[501]) || array_fill(-1::numeric, ARRAY[501])",
        ),
    ),
    "posting.posting_sealed": Copy("posting", {"seq": "99"}),
    "posting.posting_amount_check": entry(accounts=f"ARRAY[{BANK}, {WALLET}, {BANK}]", amounts="'{5,-5,0}'"),
    "posting.posting_pkey": "ALTER TABLE posting DISABLE TRIGGER posting_sealed;"
    " INSERT INTO posting SELECT * FROM posting LIMIT 1",
    "entry.entry_pkey": entry(id="id"),
    "entry.entry_key_key": entry(key="key"),
    "entry.entry_is_named": (entry(key="'x'"), entry(kind="'lower case'")),
    "entry.entry_reverses_key": entry(reverses="(SELECT max(reverses) FROM entry)"),
    "entry.entry_reverses_fkey": entry(reverses="987654321"),
    "ledger_seq.ledger_seq_pkey": Copy("ledger_seq", {"entry_id": "(SELECT max(id) FROM entry)"}),
    "ledger_seq.ledger_seq_entry_id_key": Copy("ledger_seq", {"seq": NEW}),
    "ledger_seq.ledger_seq_entry_id_fkey": Copy("ledger_seq", {"seq": NEW, "entry_id": NEW}),
    "ledger_seq.ledger_seq_seq_check": Copy(
        "ledger_seq", {"seq": "0", "entry_id": "(SELECT max(id) FROM entry)"}
    ),
    "ledger_seq.ledger_seq_chain_check": Copy(
        "ledger_seq", {"seq": NEW, "entry_id": "(SELECT max(id) FROM entry)", "chain": "'short'"}
    ),
    "ledger_cursor.ledger_cursor_pkey": Copy("ledger_cursor", {}),
    "ledger_cursor.ledger_cursor_only_one_check": Copy("ledger_cursor", {"only_one": "false"}),
    # The chart
    "currency.currency_pkey": Copy("currency", {}),
    "currency.currency_code_check": Copy("currency", {"code": "'usd'"}),
    "currency.currency_kind_check": Copy("currency", {"code": "'AAA'", "kind": "'SHELLS'"}, "code = 'CNH'"),
    "currency.currency_test_is_xts": Copy("currency", {"code": "'AAA'", "kind": "'TEST'"}, "code = 'CNH'"),
    "currency.currency_exponent_check": Copy("currency", {"code": "'AAA'", "exponent": "10"}),
    "account_purpose.account_purpose_pkey": Copy("account_purpose", {"prefix": "'x'"}),
    "account_purpose.account_purpose_prefix_key": Copy("account_purpose", {"purpose": "'X'"}),
    "account_purpose.account_purpose_category_check": Copy(
        "account_purpose", {"purpose": "'X'", "prefix": "'x'", "category": "'MAGIC'"}
    ),
    "ledger_account.ledger_account_pkey": account(id="id"),
    "ledger_account.ledger_account_code_key": account(code="code"),
    "ledger_account.ledger_account_one_each": account(currency="currency"),
    "ledger_account.ledger_account_test_money": Copy(
        "ledger_account", {"id": NEW, "code": "'x'", "currency": "'XTS'"}, "purpose = 'CLEARING_BANK'"
    ),
    "ledger_account.ledger_account_currency_fkey": account(currency="'XXX'"),
    "ledger_account.ledger_account_purpose_fkey": account(purpose="'MAGIC'"),
    "ledger_account.ledger_account_organization_id_fkey": account(organization_id=NEW),
    "ledger_account.ledger_account_category_check": account(category="'MAGIC'"),
    "account_fold.account_fold_pkey": Copy("account_fold", {}),
    "account_fold.account_fold_account_id_fkey": Copy("account_fold", {"account_id": NEW}),
    "partitioned_table.partitioned_table_pkey": Copy("partitioned_table", {}),
    "partitioned_table.partitioned_table_width_check": Copy(
        "partitioned_table", {"parent": "'x'", "width": "0"}
    ),
    # What limits spending, and what is set aside
    "scope.scope_never_overspent": "UPDATE scope SET held = posted + 0.000000001 WHERE currency = 'CNY'",
    "scope.scope_held_not_negative": "UPDATE scope SET held = -0.000000001 WHERE currency = 'CNY'",
    "scope.scope_pkey": scope(id="id"),
    "scope.scope_is_sound": (
        scope(kind="5", subject_id="NULL"),
        scope(account_id=BANK),
        scope(ceiling="NULL"),
        scope(limit_id="NULL"),
        scope(floor="1"),
        wallet(account_id="NULL"),
        wallet(account_id=BANK, ceiling="1"),
        wallet(account_id=BANK, limit_id="(SELECT min(id) FROM spending_limit)", subject_id="NULL"),
    ),
    "scope.scope_account_id_key": wallet(),
    "scope.scope_account_id_fkey": wallet(account_id=NEW),
    # The key to the limit asks for nothing where one of its columns is empty.
    "scope.scope_currency_fkey": scope(currency="'XXX'", subject_id="NULL"),
    "scope.scope_organization_id_fkey": scope(organization_id=NEW, subject_id="NULL"),
    "scope.scope_of_its_limit": scope(subject_id=NEW),
    "scope.scope_once": scope(period_start="period_start"),
    "spending_limit.spending_limit_pkey": limit(id="id"),
    "spending_limit.spending_limit_uid_key": limit(uid="uid"),
    "spending_limit.spending_limit_once": limit(subject_id="subject_id"),
    "spending_limit.spending_limit_identity": limit(id="id", subject_id="subject_id", period="'WEEKLY'"),
    "spending_limit.spending_limit_kind_check": limit(kind="1"),
    "spending_limit.spending_limit_period_check": limit(period="'HOURLY'"),
    "spending_limit.spending_limit_ceiling_check": limit(ceiling="-1"),
    "spending_limit.spending_limit_scope_id_key": limit(scope_id="scope_id"),
    "spending_limit.spending_limit_scope_id_fkey": limit(scope_id=NEW),
    "spending_limit.spending_limit_currency_fkey": limit(currency="'XXX'"),
    "spending_limit.spending_limit_organization_id_fkey": limit(organization_id=NEW),
    "hold.hold_pkey": hold(id="id"),
    "hold.hold_source_key": hold(source="source"),
    "hold.hold_is_sound": (
        hold(state="'LOST'", released="amount", closed_at="now()"),
        hold(amount="-1", released="-2"),
        hold(released="amount + 1"),
        hold(state="'CLOSED'", closed_at="now()"),
        hold(scopes="'{}'"),
        hold(quote_id="1"),
        hold(quote_id="1", price_currency="'CNY'"),
        hold(quote_id="1", price_currency="currency", price_amount="1"),
        hold(quote_id="1", price_currency="'CNY'", price_amount="-1"),
        hold(price_currency="'CNY'", price_amount="1"),
    ),
    # Charges
    "charge.charge_pkey": charge(usage_id="usage_id"),
    "charge.charge_is_sound": (
        charge(amount="-1", fee="-2"),
        charge(fee="-0.000000001"),
        charge(fee="amount + 0.000000001"),
        charge(overrun="-0.000000001"),
        charge(rated="'NaN'"),
        charge(overrun="0.000000001"),
    ),
    "charge_entry.charge_entry_pkey": Copy("charge_entry", {"entry_id": "1"}),
    "charge_queue.charge_queue_pkey": Copy("charge_queue", {}),
    "charge_quarantine.charge_quarantine_pkey": Copy("charge_quarantine", {}),
    # Jobs
    "job.job_pkey": job(id="id"),
    "job.job_uid_key": job(uid="uid"),
    "job.job_is_sound": (
        job(kind="'SOMEDAY'"),
        job(state="'LOST'"),
        job(finished_at="NULL"),
        job(state="'FAILED'"),
    ),
    "idempotency_claim.idempotency_claim_pkey": Copy("idempotency_claim", {}),
    "idempotency_claim.idempotency_claim_key_check": (
        Copy("idempotency_claim", {"key": "''"}),
        Copy("idempotency_claim", {"key": "repeat('k', 261)"}),
    ),
    "idempotency_claim.idempotency_claim_body_hash_check": Copy(
        "idempotency_claim", {"key": "'x'", "body_hash": "'short'"}
    ),
    # Attempts and usage
    "attempt.attempt_pkey": attempt(id="id"),
    "attempt.attempt_uid_key": attempt(uid="uid"),
    "attempt.attempt_job_id_number_key": attempt(number="number"),
    "attempt.attempt_job_id_fkey": attempt(job_id=NEW),
    "attempt.attempt_one_running": Copy(
        "attempt", {"id": NEW, "uid": "gen_random_uuid()", "number": "9"}, "state = 'RUNNING'"
    ),
    "attempt.attempt_is_sound": (
        attempt(number="0"),
        attempt(state="'LOST'"),
        attempt(delivered_in="-1"),
        attempt(delivered_out="-1"),
        attempt(ended_at="NULL"),
    ),
    "usage_record.usage_record_pkey": usage(seq="seq"),
    "usage_record.usage_is_counted": (
        usage(seq="0"),
        usage(ours_in="-1", claim_in="NULL", billed_in="-1", billed_cached="-1"),
        usage(ours_cached="-1"),
        usage(ours_out="-1", claim_out="NULL", billed_out="-1"),
        usage(claim_in="-1", billed_in="-1", billed_cached="-1"),
        usage(claim_cached="-1"),
        usage(claim_out="-1", billed_out="-1"),
        usage(billed_out="ours_out + 1", claim_out="NULL"),
        usage(billed_out="claim_out + 1"),
        usage(count_method="'guess'"),
    ),
    "usage_record.usage_is_measured": (
        usage(chip_seconds="'NaN'"),
        usage(chip_seconds="-1"),
        usage(joules="-1"),
        usage(tier="'trust me'"),
        usage(attribution="'guessed'"),
    ),
    "receipt.receipt_pkey": receipt(id="id"),
    "receipt.receipt_attempt_uid_key": receipt(attempt_uid="attempt_uid"),
    "receipt.receipt_body_check": receipt(body="''"),
    "receipt.receipt_signature_check": receipt(signature="'short'"),
    "receipt_comparison.receipt_comparison_pkey": Copy("receipt_comparison", {}),
    "receipt_comparison.receipt_comparison_receipt_id_fkey": Copy("receipt_comparison", {"receipt_id": NEW}),
    "meter_flag.meter_flag_pkey": Copy("meter_flag", {"kind": "'other'"}),
    "meter_flag.meter_flag_attempt_id_kind_key": Copy("meter_flag", {"id": NEW}),
    "meter_flag.meter_flag_kind_check": Copy("meter_flag", {"id": NEW, "kind": "'Not a kind'"}),
    "node_event.node_event_pkey": Copy("node_event", {}),
    **bank_harms.HARMS,
    **claim_harms.HARMS,
    **compliance_harms.HARMS,
    **connect_harms.HARMS,
    **conversion_harms.HARMS,
    **fx_harms.HARMS,
    **heat_harms.HARMS,
    **invoice_harms.HARMS,
    **market_harms.HARMS,
    **payout_harms.HARMS,
    **period_harms.HARMS,
    **rail_harms.HARMS,
    **self_bill_harms.HARMS,
    **stripe_harms.HARMS,
}

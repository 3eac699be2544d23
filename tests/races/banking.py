"""Races around statements of banks: the next one begins where the last one ended."""

import psycopg

from tests.billing import bank_books, books
from tests.billing.exchange import fetch_value
from tests.races.interleaving import overlap
from tests.races.stage import Stage, call

IMPORT = (
    "SELECT made_id FROM import_bank_statement_v1(gen_random_uuid(), %s, %s, '{}', NULL, '{}', 8, 8,"
    " '2026-06-02', '2026-06-02', now(), '[]')"
)

MOVED = (
    "SELECT made_id FROM import_bank_statement_v1(gen_random_uuid(), %s, %s, '{}', NULL, 'y', 8, 9,"
    " '2026-06-02', '2026-06-02', now(), jsonb_build_array(jsonb_build_object('uid', gen_random_uuid(),"
    " 'reference', 'more', 'amount', '1', 'booked_on', '2026-06-02', 'is_reversal', false, 'code', '',"
    " 'bank_code', '', 'end_to_end_id', '', 'counterparty', '', 'remittance', '', 'trouble', '')))"
)


def statements_follow_each_other(stage: Stage) -> bool:
    with psycopg.connect(stage.db.dsn, autocommit=True) as app:
        bank_books.fill(app, stage.lab, books.decide(app)[0])
        account, file = (
            fetch_value(app, f"SELECT id FROM {table}") for table in ("bank_account", "bank_file")
        )
    # Both begin where the first one ended; the one that moves money comes first.
    moved = MOVED.format("S2")
    outcome = overlap(stage.db, call(moved, file, account), call(IMPORT.format("S3", "z"), file, account))
    refused = outcome.error
    return refused is not None and refused.diag.constraint_name == "bank_statement_continues"

"""A provider's account at Stripe and a transfer to it, as they are written."""

from typing import Any

import psycopg


def fill(app: psycopg.Connection[Any], owner: psycopg.Connection[Any], provider: int) -> None:
    """An account, and a transfer of its first payout that was taken back."""
    app.execute(
        "INSERT INTO connect_account (organization_id, country, account_id, state, asked_at)"
        " VALUES (%s, 'US', 'acct_1', 'READY', now())",
        [provider],
    )
    owner.execute(
        "INSERT INTO connect_transfer (payout_id, account_id, state, asked_at, transfer_id, bank_payout_id,"
        " reversal_id) SELECT min(id), 'acct_1', 'TAKEN_BACK', now(), 'tr_1', 'po_1', 'trr_1' FROM payout"
    )

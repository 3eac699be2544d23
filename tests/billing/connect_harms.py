"""Harms to providers' accounts at Stripe and to transfers to them."""

from tests.billing.harm import NEW, Copy, Harm

ANOTHER = "(SELECT max(id) FROM payout)"


def account(**changes: str) -> Copy:
    """A copy of an account, of another name."""
    return Copy("connect_account", {"account_id": "'acct_2'"} | changes)


def transfer(**changes: str) -> Copy:
    """A copy of a transfer, of another payout and of other names."""
    fresh = {
        "payout_id": ANOTHER,
        "transfer_id": "'tr_2'",
        "bank_payout_id": "'po_2'",
        "reversal_id": "'trr_2'",
    }
    return Copy("connect_transfer", fresh | changes)


HARMS: dict[str, Harm] = {
    "connect_account.connect_account_pkey": account(),
    "connect_account.connect_account_account_id_key": account(
        account_id="account_id", organization_id="(SELECT min(id) FROM accounts_organization)"
    ),
    "connect_account.connect_account_organization_id_fkey": account(organization_id=NEW),
    "connect_account.connect_account_is_sound": (
        account(organization_id="(SELECT min(id) FROM accounts_organization)", state="'LOST'"),
        account(organization_id="(SELECT min(id) FROM accounts_organization)", state="'ASKED'"),
        account(organization_id="(SELECT min(id) FROM accounts_organization)", account_id="NULL"),
    ),
    "connect_transfer.connect_transfer_pkey": transfer(payout_id="payout_id"),
    "connect_transfer.connect_transfer_payout_id_fkey": transfer(payout_id=NEW),
    "connect_transfer.connect_transfer_account_id_fkey": transfer(account_id="'acct_9'"),
    "connect_transfer.connect_transfer_transfer_id_key": transfer(transfer_id="transfer_id"),
    "connect_transfer.connect_transfer_bank_payout_id_key": transfer(bank_payout_id="bank_payout_id"),
    "connect_transfer.connect_transfer_reversal_id_key": transfer(reversal_id="reversal_id"),
    "connect_transfer.connect_transfer_is_sound": (
        transfer(state="'LOST'"),
        transfer(state="'REFUSED'", reversal_id="NULL"),
        transfer(state="'LEFT'", bank_payout_id="NULL", reversal_id="NULL"),
        transfer(state="'MADE'"),
        transfer(reversal_id="NULL"),
    ),
    "connect_transfer.connect_transfer_history": "UPDATE connect_transfer SET transfer_id = 'tr_9'",
}

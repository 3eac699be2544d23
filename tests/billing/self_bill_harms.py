"""Harms to agreements on self-billing, and to what is billed under them."""

from tests.billing.harm import NEW, Copy, Harm
from tests.billing.invoice_harms import STRANGER, invoice

BILL = "series <> 0"


def agreement(of: str = "ended_at IS NOT NULL", **changes: str) -> Copy:
    """A copy of an agreement."""
    return Copy("self_billing_agreement", {"id": NEW, "uid": STRANGER} | changes, of)


HARMS: dict[str, Harm] = {
    "self_billing_agreement.self_billing_agreement_pkey": agreement(id="id"),
    "self_billing_agreement.self_billing_agreement_uid_key": agreement(uid="uid"),
    "self_billing_agreement.self_billing_agreement_organization_id_fkey": agreement(organization_id=NEW),
    "self_billing_agreement.self_billing_agreement_one_stands": agreement("ended_at IS NULL"),
    "self_billing_agreement.self_billing_agreement_is_sound": (
        agreement(version="''"),
        agreement(sha256="'x'"),
        agreement(ended_by="NULL"),
        agreement(ended_at="agreed_at - interval '1 second'"),
    ),
    "self_billing_agreement.self_billing_agreement_kept": (
        "UPDATE self_billing_agreement SET agreed_at = now() WHERE ended_at IS NULL"
    ),
    "self_billing_agreement.self_billing_agreement_stays_ended": (
        "UPDATE self_billing_agreement SET ended_by = NULL, ended_at = NULL WHERE ended_at IS NOT NULL"
    ),
    "self_billing_agreement.self_billing_agreement_no_truncate": "TRUNCATE self_billing_agreement CASCADE",
    "self_billing_counter.self_billing_counter_pkey": Copy("self_billing_counter", {}),
    "self_billing_counter.self_billing_counter_entity_fkey": Copy(
        "self_billing_counter", {"entity": "'NOBODY'"}
    ),
    "self_billing_counter.self_billing_counter_organization_id_fkey": Copy(
        "self_billing_counter", {"organization_id": NEW}
    ),
    "self_billing_counter.self_billing_counter_is_sound": (
        Copy("self_billing_counter", {"kind": "'RECEIPT'"}),
        Copy("self_billing_counter", {"year": "1999", "last": "0"}),
    ),
    "invoice.invoice_payout_id_fkey": invoice(BILL, payout_id=NEW),
    "invoice.invoice_agreement_id_fkey": invoice(BILL, agreement_id=NEW),
    "invoice.invoice_is_self_billed": (
        invoice(BILL, payout_id="NULL"),
        invoice(BILL, agreement_id="NULL"),
        invoice(BILL, series="1"),
        invoice(BILL, series="0"),
    ),
}

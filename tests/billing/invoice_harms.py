"""Harms to invoices, and to what they are made out by."""

from tests.billing.harm import NEW, Copy, Harm

STRANGER = "gen_random_uuid()"
NOTE = "(SELECT id FROM invoice WHERE kind = 'CREDIT_NOTE')"
UNTAXED = "(SELECT id FROM invoice WHERE tax = 0)"
HASHED = "encode(sha256(convert_to('X' || E'\\n' || content, 'UTF8')), 'hex')"


def invoice(of: str = "kind = 'INVOICE' AND series = 0", **changes: str) -> Copy:
    """A copy of an invoice under a number of its own."""
    fresh = {"id": NEW, "uid": STRANGER, "number": "'X'", "seq": "999", "sha256": HASHED}
    return Copy("invoice", fresh | changes, of)


def rule(**changes: str) -> Copy:
    """A copy of a tax rule."""
    return Copy("tax_rule", {"id": NEW} | changes)


HARMS: dict[str, Harm] = {
    "seller_profile.seller_profile_pkey": Copy("seller_profile", {}),
    "seller_profile.seller_profile_entity_fkey": Copy("seller_profile", {"entity": "'NOBODY'"}),
    "seller_profile.seller_profile_is_named": (
        Copy("seller_profile", {"entity": "'HAINAN'", "name": "''"}),
        Copy("seller_profile", {"entity": "'HAINAN'", "address": "''"}),
    ),
    "billing_profile.billing_profile_pkey": Copy("billing_profile", {}),
    "billing_profile.billing_profile_organization_id_fkey": Copy("billing_profile", {"organization_id": NEW}),
    "billing_profile.billing_profile_is_sound": (
        Copy("billing_profile", {"organization_id": "2", "name": "''"}),
        Copy("billing_profile", {"organization_id": "2", "address": "''"}),
        Copy("billing_profile", {"organization_id": "2", "country": "'se'"}),
        Copy("billing_profile", {"organization_id": "2", "tax_id": "'1'"}),
        Copy("billing_profile", {"organization_id": "2", "tax_id_kind": "'eu_vat'"}),
        Copy("billing_profile", {"organization_id": "2", "language": "'tlh'"}),
    ),
    "tax_rule.tax_rule_pkey": rule(id="id"),
    "tax_rule.tax_rule_is_sound": (
        rule(seller_country="'hk'"),
        rule(buyer_country="''"),
        rule(rate="-0.1"),
        rule(rate="1"),
        rule(label="''"),
        rule(rate="0.1", reverse_charge="true"),
        rule(valid_until="valid_from"),
    ),
    "tax_rule.tax_rule_kept": "DELETE FROM tax_rule",
    "invoice_counter.invoice_counter_pkey": Copy("invoice_counter", {}),
    "invoice_counter.invoice_counter_entity_fkey": Copy("invoice_counter", {"entity": "'NOBODY'"}),
    "invoice_counter.invoice_counter_is_sound": (
        Copy("invoice_counter", {"kind": "'RECEIPT'"}),
        Copy("invoice_counter", {"year": "1999", "last": "0"}),
    ),
    "invoice.invoice_pkey": invoice(id="id"),
    "invoice.invoice_uid_key": invoice(uid="uid"),
    "invoice.invoice_number_key": invoice(number="number", sha256="sha256"),
    "invoice.invoice_entity_fkey": invoice(entity="'NOBODY'"),
    "invoice.invoice_organization_id_fkey": invoice(organization_id=NEW),
    "invoice.invoice_account_id_fkey": invoice(account_id=NEW),
    "invoice.invoice_currency_fkey": invoice(currency="'XXX'"),
    "invoice.invoice_corrects_key": invoice("corrects IS NOT NULL"),
    "invoice.invoice_corrects_fkey": invoice("corrects IS NOT NULL", corrects="900000002"),
    "invoice.invoice_numbered_once": invoice(seq="seq"),
    "invoice.invoice_hashes_content": (invoice(sha256="sha256"), invoice(content="'{}'", sha256="sha256")),
    "invoice.invoice_is_sound": (
        invoice(kind="'RECEIPT'"),
        invoice(seq="0"),
        invoice(until="since"),
        invoice(year="1999"),
        invoice(net="0"),
        invoice(tax="-1"),
        invoice(net_shown="-1"),
        invoice(corrects=UNTAXED),
        invoice("corrects IS NOT NULL", corrects=UNTAXED, net="1"),
        invoice("corrects IS NOT NULL", corrects=UNTAXED, tax="1"),
        invoice("corrects IS NOT NULL", corrects=UNTAXED, net_shown="1"),
        invoice("corrects IS NOT NULL", corrects=UNTAXED, reason="''"),
    ),
    "invoice.invoice_append_only": "UPDATE invoice SET reason = 'another story'",
    "invoice.invoice_no_truncate": "TRUNCATE invoice CASCADE",
    "invoice_entry.invoice_entry_pkey": Copy("invoice_entry", {"cancelled": "true"}),
    "invoice_entry.invoice_entry_invoice_id_fkey": Copy(
        "invoice_entry", {"invoice_id": NEW, "cancelled": "true"}
    ),
    "invoice_entry.invoice_entry_account_id_fkey": Copy(
        "invoice_entry", {"invoice_id": NOTE, "account_id": NEW}
    ),
    "invoice_entry.invoice_entry_entry_id_fkey": Copy("invoice_entry", {"entry_id": NEW}),
    "invoice_entry.invoice_entry_once": Copy("invoice_entry", {"invoice_id": NOTE}, "NOT cancelled"),
    "invoice_entry.invoice_entry_kept": "DELETE FROM invoice_entry",
    "invoice_entry.invoice_entry_stays_cancelled": (
        "UPDATE invoice_entry SET cancelled = true WHERE cancelled"
    ),
    "invoice_entry.invoice_entry_no_truncate": "TRUNCATE invoice_entry",
    "invoice_tax.invoice_tax_pkey": Copy("invoice_tax", {}, "entry_id IS NULL"),
    "invoice_tax.invoice_tax_invoice_id_fkey": Copy("invoice_tax", {"invoice_id": NEW}, "entry_id IS NULL"),
    "invoice_tax.invoice_tax_account_id_fkey": Copy(
        "invoice_tax", {"invoice_id": UNTAXED, "account_id": NEW}, "entry_id IS NULL"
    ),
    "invoice_tax.invoice_tax_entry_id_key": Copy(
        "invoice_tax", {"invoice_id": UNTAXED}, "entry_id IS NOT NULL"
    ),
    "invoice_tax.invoice_tax_entry_id_fkey": Copy("invoice_tax", {"invoice_id": UNTAXED, "entry_id": NEW}),
    "invoice_tax.invoice_tax_is_sound": (
        Copy("invoice_tax", {"invoice_id": UNTAXED, "amount": "0"}, "entry_id IS NULL"),
        Copy("invoice_tax", {"invoice_id": UNTAXED, "void": "true", "entry_id": "1"}),
    ),
    "invoice_tax.invoice_tax_kept": "DELETE FROM invoice_tax",
    "invoice_tax.invoice_tax_stays": "UPDATE invoice_tax SET void = false WHERE entry_id IS NOT NULL",
    "invoice_tax.invoice_tax_no_truncate": "TRUNCATE invoice_tax",
}

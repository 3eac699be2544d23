"""Harms to currencies, to whose books an account is in, and to what is exchanged."""

from tests.billing.harm import NEW, Copy, Harm


def currency(of: str = "USD", **changes: str) -> Copy:
    """A copy of a currency."""
    return Copy("currency", {"code": "'AAA'"} | changes, f"code = '{of}'")


ENTITIES: dict[str, Harm] = {
    "currency.currency_is_sound": (
        currency(numeric_code="'84'"),
        currency(stripe_exponent="4"),
        currency(stripe_step="7"),
        currency(payout_step="NULL"),
        currency(minimum_charge="0"),
        currency(minimum_charge="'NaN'"),
        currency(stripe_exponent="NULL"),
        currency("USDC", stripe_exponent="2", stripe_step="1", payout_step="1"),
    ),
    "booking_entity.booking_entity_pkey": Copy("booking_entity", {}),
    "booking_entity.booking_entity_code_check": Copy("booking_entity", {"code": "'hk'"}),
    "booking_entity.booking_entity_country_check": Copy(
        "booking_entity", {"code": "'NEW'", "country": "'hk'"}
    ),
    "booking_entity.booking_entity_kept": "INSERT INTO booking_entity VALUES ('SG', 'Singapore', 'SG');"
    " DELETE FROM booking_entity WHERE code = 'SG'",
    "organization_entity.organization_entity_pkey": Copy("organization_entity", {}),
    "organization_entity.organization_entity_organization_id_fkey": Copy(
        "organization_entity", {"organization_id": NEW}
    ),
    "organization_entity.organization_entity_entity_fkey": "INSERT INTO organization_entity"
    " SELECT id, 'SG' FROM accounts_organization o WHERE NOT EXISTS"
    " (SELECT 1 FROM ledger_account a WHERE a.organization_id = o.id)"
    " AND id NOT IN (SELECT organization_id FROM organization_entity) LIMIT 1",
    "organization_entity.organization_entity_fixed": "INSERT INTO organization_entity"
    " SELECT organization_id, 'HAINAN' FROM ledger_account WHERE purpose = 'WALLET' LIMIT 1",
    "organization_entity.organization_entity_no_truncate": "TRUNCATE organization_entity",
    "ledger_account.ledger_account_entity_fkey": Copy(
        "ledger_account", {"id": NEW, "code": "'x'", "entity": "'SG'"}, "purpose = 'CLEARING_BANK'"
    ),
    "ledger_account.ledger_account_entity_kept": "UPDATE ledger_account SET entity = 'HAINAN'",
}
HARMS = ENTITIES

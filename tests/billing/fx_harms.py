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


def rate(**changes: str) -> Copy:
    """A copy of a rate, of another moment."""
    return Copy("fx_rate", {"id": NEW, "as_of": "as_of - interval '1 hour'"} | changes)


def quote(**changes: str) -> Copy:
    """A copy of a quote."""
    return Copy("fx_quote", {"id": NEW, "uid": "gen_random_uuid()"} | changes)


UNUSED = (
    "(SELECT max(id) FROM fx_quote WHERE organization_id IS NOT NULL"
    " AND id NOT IN (SELECT quote_id FROM fx_conversion))"
)
OTHER_ENTRY = "(SELECT min(id) FROM entry)"


def conversion(**changes: str) -> Copy:
    """A copy of a conversion, at a quote that was not used."""
    fresh = {"id": NEW, "uid": "gen_random_uuid()", "quote_id": UNUSED, "entry_id": OTHER_ENTRY}
    return Copy("fx_conversion", fresh | changes)


def leg(**changes: str) -> Copy:
    """A copy of a leg, of another entry."""
    return Copy("fx_leg", {"entry_id": OTHER_ENTRY} | changes)


def revaluation(**changes: str) -> Copy:
    """A copy of what a position was worth, on another day."""
    return Copy("fx_revaluation", {"day": "day - 9"} | changes)


def line(**changes: str) -> Copy:
    """A copy of a swap line."""
    return Copy("swap_line", {"id": NEW, "uid": "gen_random_uuid()"} | changes)


def movement(**changes: str) -> Copy:
    """A copy of what was drawn."""
    return Copy("swap_movement", {"id": NEW, "entry_id": OTHER_ENTRY} | changes)


QUOTES: dict[str, Harm] = {
    "fx_rate.fx_rate_pkey": rate(id="id"),
    "fx_rate.fx_rate_said_once": rate(as_of="as_of"),
    "fx_rate.fx_rate_unit_fkey": rate(unit="'XXX'"),
    "fx_rate.fx_rate_currency_fkey": rate(currency="'XXX'"),
    "fx_rate.fx_rate_is_sound": (
        rate(source="'somebody'"),
        rate(rate="0"),
        rate(rate="'NaN'"),
        rate(unit="currency"),
        rate(unit="'XTS'"),
        rate(unit="'CNY'"),
        rate(as_of="noted_at + interval '1 second'"),
    ),
    "fx_rate.fx_rate_append_only": "UPDATE fx_rate SET rate = 1",
    "fx_rate.fx_rate_no_truncate": "TRUNCATE fx_rate",
    "fx_quote.fx_quote_pkey": quote(id="id"),
    "fx_quote.fx_quote_uid_key": quote(uid="uid"),
    "fx_quote.fx_quote_base_fkey": quote(base="'XXX'"),
    "fx_quote.fx_quote_quote_fkey": quote(quote="'XXX'"),
    "fx_quote.fx_quote_organization_id_fkey": quote(organization_id=NEW),
    "fx_quote.fx_quote_is_sound": (
        quote(base="quote"),
        quote(mid="0"),
        quote(mid="rate + 1"),
        quote(rate="'NaN'"),
        quote(spread_bps="5001"),
        quote(rate_at="made_at + interval '1 second'"),
        quote(expires_at="made_at"),
        quote(base="'XTS'"),
    ),
    "fx_quote.fx_quote_append_only": "UPDATE fx_quote SET rate = rate * 2",
    "fx_quote.fx_quote_no_truncate": "TRUNCATE fx_quote CASCADE",
    "fx_standing_quote.fx_standing_quote_pkey": Copy(
        "fx_standing_quote",
        {
            "quote_id": "(SELECT id FROM fx_quote q WHERE (q.base, q.quote) = ('USD', 'CNH')"
            " AND organization_id IS NULL AND id NOT IN (SELECT quote_id FROM fx_standing_quote) LIMIT 1)"
        },
        "quote = 'CNH'",
    ),
    "fx_standing_quote.fx_standing_quote_quote_id_key": "ALTER TABLE fx_standing_quote DISABLE TRIGGER"
    " fx_standing_quote_checked; INSERT INTO fx_standing_quote SELECT base, 'JPY', quote_id"
    " FROM fx_standing_quote LIMIT 1",
    "fx_standing_quote.fx_standing_quote_quote_id_fkey": "ALTER TABLE fx_standing_quote DISABLE TRIGGER"
    f" fx_standing_quote_checked; INSERT INTO fx_standing_quote VALUES ('JPY', 'USD', {NEW})",
    "fx_standing_quote.fx_standing_quote_checked": (
        Copy("fx_standing_quote", {"quote": "'JPY'", "quote_id": UNUSED}, "quote = 'CNH'"),
        Copy("fx_standing_quote", {"base": "'JPY'", "quote_id": UNUSED}, "quote = 'CNH'"),
    ),
    "fx_spread.fx_spread_pkey": Copy("fx_spread", {}),
    "fx_spread.fx_spread_base_fkey": Copy("fx_spread", {"base": "'XXX'"}),
    "fx_spread.fx_spread_quote_fkey": Copy("fx_spread", {"quote": "'XXX'"}),
    "fx_spread.fx_spread_spread_bps_check": Copy("fx_spread", {"base": "'EUR'", "spread_bps": "-1"}),
}

EXCHANGES: dict[str, Harm] = {
    "fx_limit.fx_limit_pkey": Copy("fx_limit", {}),
    "fx_limit.fx_limit_currency_fkey": Copy("fx_limit", {"currency": "'XXX'"}),
    "fx_limit.fx_limit_amount_check": (
        Copy("fx_limit", {"currency": "'EUR'", "amount": "-1"}),
        Copy("fx_limit", {"currency": "'EUR'", "amount": "'NaN'"}),
    ),
    "fx_conversion.fx_conversion_pkey": conversion(id="id"),
    "fx_conversion.fx_conversion_uid_key": conversion(uid="uid"),
    "fx_conversion.fx_conversion_quote_id_key": conversion(quote_id="quote_id"),
    "fx_conversion.fx_conversion_quote_id_fkey": conversion(quote_id=NEW),
    "fx_conversion.fx_conversion_organization_id_fkey": conversion(organization_id=NEW),
    "fx_conversion.fx_conversion_entry_id_key": conversion(entry_id="entry_id"),
    "fx_conversion.fx_conversion_entry_id_fkey": conversion(entry_id=NEW),
    "fx_conversion.fx_conversion_is_sound": (
        conversion(bought="0"),
        conversion(mid_amount="0"),
        conversion(mid_amount="sold + 1"),
        conversion(sold="'NaN'"),
    ),
    "fx_conversion.fx_conversion_free": "UPDATE scope SET frozen = true WHERE kind = 1;"
    " INSERT INTO fx_conversion (uid, quote_id, entry_id, organization_id, sold, bought, mid_amount,"
    f" converted_at) SELECT gen_random_uuid(), {UNUSED}, {OTHER_ENTRY}, organization_id, sold, bought,"
    " mid_amount, converted_at FROM fx_conversion LIMIT 1",
    "fx_conversion.fx_conversion_append_only": "UPDATE fx_conversion SET bought = bought + 1",
    "fx_conversion.fx_conversion_no_truncate": "TRUNCATE fx_conversion",
    "fx_position.fx_position_pkey": Copy("fx_position", {}),
    "fx_position.fx_position_account_id_fkey": Copy("fx_position", {"account_id": NEW}),
    "fx_position.fx_position_is_sound": (
        Copy("fx_position", {"account_id": "1", "amount": "0", "book_value": "1"}),
        Copy("fx_position", {"account_id": "1", "amount": "'NaN'"}),
    ),
    "fx_leg.fx_leg_pkey": leg(entry_id="entry_id"),
    "fx_leg.fx_leg_entry_id_fkey": leg(entry_id=NEW),
    "fx_leg.fx_leg_account_id_fkey": leg(account_id=NEW),
    "fx_leg.fx_leg_gain_entry_id_fkey": leg(gain_entry_id=NEW),
    "fx_leg.fx_leg_amount_check": leg(amount="0"),
    "fx_leg.fx_leg_adds_up": leg(book="value + gain + 1"),
    "fx_leg.fx_leg_append_only": "UPDATE fx_leg SET gain = 1, book = value + 1",
    "fx_leg.fx_leg_no_truncate": "TRUNCATE fx_leg",
    "fx_cursor.fx_cursor_pkey": Copy("fx_cursor", {}),
    "fx_cursor.fx_cursor_only_one_check": Copy("fx_cursor", {"only_one": "false"}),
    "fx_revaluation.fx_revaluation_pkey": revaluation(day="day"),
    "fx_revaluation.fx_revaluation_account_id_fkey": revaluation(account_id=NEW),
    "fx_revaluation.fx_revaluation_entry_id_fkey": revaluation(entry_id=NEW),
    "fx_revaluation.fx_revaluation_rate_check": revaluation(rate="0"),
    "fx_revaluation.fx_revaluation_append_only": "UPDATE fx_revaluation SET value = value + 1",
    "fx_revaluation.fx_revaluation_no_truncate": "TRUNCATE fx_revaluation",
    "swap_line.swap_line_pkey": line(id="id"),
    "swap_line.swap_line_uid_key": line(uid="uid"),
    "swap_line.swap_line_currency_fkey": line(currency="'XXX'"),
    "swap_line.swap_line_is_sound": (
        line(counterparty="''"),
        line(ceiling="0", drawn="0"),
        line(ceiling="'NaN'"),
        line(closed_at="now()"),
    ),
    "swap_line.swap_line_within_limit": (line(drawn="ceiling + 1"), line(drawn="-1")),
    "swap_movement.swap_movement_pkey": movement(id="id"),
    "swap_movement.swap_movement_line_id_fkey": movement(line_id=NEW),
    "swap_movement.swap_movement_amount_check": movement(amount="0"),
    "swap_movement.swap_movement_entry_id_key": movement(entry_id="entry_id"),
    "swap_movement.swap_movement_entry_id_fkey": movement(entry_id=NEW),
    "swap_movement.swap_movement_append_only": "UPDATE swap_movement SET amount = 1",
    "swap_movement.swap_movement_no_truncate": "TRUNCATE swap_movement",
}
HARMS = ENTITIES | QUOTES | EXCHANGES

"""Harms to what was sold to wallets in another currency."""

from tests.billing.harm import NEW, Copy, Harm


def conversion(**changes: str) -> Copy:
    """A copy of what was sold for a charge."""
    return Copy("charge_conversion", {"usage_id": NEW} | changes)


def back(*values: str) -> str:
    """What was given back of it: amount, fee, overrun and the part at the middle rate."""
    return f"INSERT INTO give_back_conversion VALUES ({NEW}, {', '.join(values)})"


def after_one(statement: str) -> str:
    """A statement after the first row of what was given back."""
    return f"DO $$ BEGIN {back('1', '0', '0', '1')}; {statement}; END $$"


HARMS: dict[str, Harm] = {
    "charge_conversion.charge_conversion_append_only": "UPDATE charge_conversion SET amount = amount + 1",
    "charge_conversion.charge_conversion_no_truncate": "TRUNCATE charge_conversion",
    "charge_conversion.charge_conversion_pkey": conversion(usage_id="usage_id"),
    "charge_conversion.charge_conversion_is_sound": (
        conversion(fee="-1"),
        conversion(fee="amount + 1"),
        conversion(overrun="-1"),
        conversion(mid_amount="-1"),
        conversion(amount="'NaN'"),
    ),
    "give_back_conversion.give_back_conversion_append_only": after_one("DELETE FROM give_back_conversion"),
    "give_back_conversion.give_back_conversion_no_truncate": "TRUNCATE give_back_conversion",
    "give_back_conversion.give_back_conversion_pkey": after_one(back("2", "0", "0", "1")),
    "give_back_conversion.give_back_conversion_is_sound": (
        back("1", "-1", "0", "1"),
        back("1", "2", "0", "1"),
        back("1", "0", "-1", "1"),
        back("1", "0", "0", "-1"),
        back("'NaN'", "0", "0", "1"),
    ),
}

"""Harms to charges of heat, and to what was given back of charges."""

from tests.billing.harm import NEW, Copy, Harm


def charge(**changes: str) -> Copy:
    """A copy of a charge of heat that is posted, without its entry."""
    fresh = {"id": NEW, "key": "'heat:9:9'", "entry_id": "NULL"}
    return Copy("heat_charge", fresh | changes, "entry_id IS NOT NULL")


def back(rated: str, amount: str, fee: str = "0", overrun: str = "0", entry: str = "1") -> str:
    """What was given back of a charge."""
    return f"INSERT INTO give_back VALUES ({NEW}, 1, {rated}, {amount}, {fee}, {overrun}, {entry}, now())"


def after_one(statement: str) -> str:
    """A statement after something was given back."""
    return f"DO $$ BEGIN {back('1', '1')}; {statement}; END $$"


HARMS: dict[str, Harm] = {
    "heat_charge.heat_charge_history": (
        "UPDATE heat_charge SET fee = fee / 2",
        "UPDATE heat_charge SET entry_id = NULL WHERE entry_id IS NOT NULL",
        "DELETE FROM heat_charge",
    ),
    "heat_charge.heat_charge_no_truncate": "TRUNCATE heat_charge CASCADE",
    "heat_charge.heat_charge_pkey": charge(id="id"),
    "heat_charge.heat_charge_key_key": charge(key="key"),
    "heat_charge.heat_charge_key_check": charge(key="'usage:1'"),
    "heat_charge.heat_charge_entry_id_key": charge(entry_id="entry_id"),
    "heat_charge.heat_charge_wallet_id_fkey": charge(wallet_id=NEW),
    "heat_charge.heat_charge_payable_id_fkey": charge(payable_id=NEW),
    "heat_charge.heat_charge_currency_fkey": charge(currency="'ZZZ'"),
    "heat_charge.heat_charge_entry_id_fkey": charge(entry_id=NEW),
    "heat_charge.heat_charge_is_sound": (
        charge(amount="0", fee="0"),
        charge(amount="'NaN'"),
        charge(fee="amount + 1"),
        charge(fee="-0.01"),
        charge(amount="-1", fee="0.01"),
    ),
    "give_back.give_back_append_only": after_one("DELETE FROM give_back"),
    "give_back.give_back_no_truncate": "TRUNCATE give_back",
    "give_back.give_back_pkey": after_one(back("2", "1")),
    "give_back.give_back_is_sound": (
        back("-1", "1"),
        back("1", "-1"),
        back("1", "1", fee="2"),
        back("1", "1", overrun="-1"),
        back("'NaN'", "1"),
        back("1", "1", entry="NULL"),
        back("1", "0"),
    ),
}

"""
The ledger in Beancount's language, so that `bean-check` recomputes it.

Pure: it is given entries one by one and writes them one by one. Amounts have nine places and no tolerance.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import TextIO

from billing.journal import NumberedEntry, format_moment
from core.money import AMOUNT_PLACES, fit

# Before anything that could be booked: accounts and commodities are there from the beginning.
BEGINNING = date(1970, 1, 1)
ROOTS = {
    "asset": "Assets",
    "liability": "Liabilities",
    "income": "Income",
    "expense": "Expenses",
    "equity": "Equity",
}


def name_account(code: str) -> str:
    """
    An account's name: `liability:held_earnings:12:USDC` is `Liabilities:Held-Earnings:12:USDC`.

    :raises KeyError: for a code that begins with none of the five kinds of account
    """
    root, *parts = code.split(":")
    named = ["-".join(word[:1].upper() + word[1:] for word in part.split("_")) for part in parts]
    return ":".join([ROOTS[root], *named])


def write_journal(
    output: TextIO,
    *,
    commodities: Iterable[tuple[str, str]],
    accounts: Iterable[tuple[str, str]],
    opening: tuple[date, Sequence[tuple[str, str, Decimal]]],
    entries: Iterable[NumberedEntry],
    balances: Callable[[], Iterable[tuple[str, str, Decimal]]],
    escape: Callable[[str], str],
) -> None:
    """
    Write a journal that `bean-check` accepts.

    :param commodities: code and name of each currency
    :param accounts: code and currency of each account
    :param opening: a day, and code, currency and balance of each account before the first entry
    :param balances: code, currency and balance of each account after the last entry; asked for at the end
    :param escape: writes a text without signs that mean something in a string
    """
    output.write("; The ledger in the order of its numbers. Debits are positive, credits negative.\n")
    output.write('option "title" "Jouleport"\noption "inferred_tolerance_default" "*:0"\n\n')
    output.writelines(
        f'{BEGINNING} commodity {code}\n  name: "{escape(name)}"\n' for code, name in commodities
    )
    output.writelines(f"{BEGINNING} open {name_account(code)} {currency}\n" for code, currency in accounts)
    day, before = opening
    if before:
        lines = [
            f"  {name_account(code)}  {fit(amount, AMOUNT_PLACES):f} {currency}\n"
            for code, currency, amount in before
        ]
        output.write(f'\n{day} * "OPENING" "Opening balances"\n{"".join(lines)}')
    for entry in entries:
        # Numbers follow commits; the day never goes back although a commit may be overtaken around midnight.
        day = max(day, entry.recorded_at.astimezone(UTC).date())
        output.write(_make_transaction(entry, day, escape))
    if day > date.min:
        # Balances are those of a day's beginning. A tolerance of zero has to be said for each.
        tomorrow = day + timedelta(days=1)
        output.write("\n")
        for code, currency, amount in balances():
            balance = fit(amount, AMOUNT_PLACES)
            output.write(f"{tomorrow} balance {name_account(code)}  {balance:f} ~ 0 {currency}\n")


def _make_transaction(entry: NumberedEntry, day: date, escape: Callable[[str], str]) -> str:
    facts: Mapping[str, str] = {
        "entry": str(entry.id),
        "number": str(entry.number),
        "happened": format_moment(entry.happened_at),
        "recorded": format_moment(entry.recorded_at),
        "actor": escape(entry.actor),
        "reverses": str(entry.reverses or ""),
        "reason": escape(entry.reason),
    }
    lines = [f'\n{day} * "{entry.kind}" "{escape(entry.key)}"']
    lines += [f'  {name}: "{fact}"' for name, fact in facts.items() if fact]
    lines += [
        f"  {name_account(leg.account)}  {fit(leg.amount, AMOUNT_PLACES):f} {leg.currency}"
        for leg in entry.legs
    ]
    return "\n".join([*lines, ""])

"""What the ledger, statements of banks, mirrored movements and our own lists say, read at one moment."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from billing.reconciliation.equations import CHAIN_CURRENCY, ZERO, Name, Said
from core.quantities import EXACT

type External = Mapping[str, Decimal] | None
"""What somebody outside has, by currency; None where nobody could be asked."""

BALANCES = """
SELECT a.currency, a.purpose, sum(p.amount * a.normal)
  FROM posting p JOIN ledger_account a ON a.id = p.account_id
 WHERE a.currency <> 'XTS' GROUP BY a.currency, a.purpose
"""
# The newest statement of each account, closed or not: what is still there is ours.
BANK = """
SELECT a.currency, sum(s.closing),
       jsonb_agg(jsonb_build_object('account', a.bank || ' …' || right(a.number, 4), 'day', s.closes_on,
                                    'closing', trim_scale(s.closing)::text) ORDER BY a.id)
  FROM bank_account a
  JOIN LATERAL (SELECT closing, closes_on FROM bank_statement
                 WHERE account_id = a.id ORDER BY id DESC LIMIT 1) s ON true
 GROUP BY a.currency
"""
SILENT_BANKS = """
SELECT currency, count(*) FROM bank_account a
 WHERE closed_at IS NULL AND NOT EXISTS (SELECT 1 FROM bank_statement s WHERE s.account_id = a.id)
 GROUP BY currency
"""
UNBOOKED = """
SELECT a.currency, sum(l.amount) FROM bank_line l JOIN bank_account a ON a.id = l.account_id
 WHERE l.state = 'NEW' GROUP BY a.currency
"""
# What moved our account at the bank in the books, and stands on no statement that was read.
UNSTATED = """
SELECT a.currency, count(DISTINCT p.entry_id), sum(p.amount)
  FROM posting p JOIN ledger_account a ON a.id = p.account_id
 WHERE a.purpose = 'CLEARING_BANK'
   AND NOT EXISTS (SELECT 1 FROM bank_line WHERE entry_id = p.entry_id)
   AND NOT EXISTS (SELECT 1 FROM bank_line WHERE suspense_entry_id = p.entry_id)
   AND NOT EXISTS (SELECT 1 FROM entry e JOIN bank_line l ON l.suspense_entry_id = e.reverses
                    WHERE e.id = p.entry_id)
 GROUP BY a.currency
"""
STRIPE = "SELECT currency, sum(net), count(*) FROM stripe_balance_transaction GROUP BY currency"
STRIPE_UNBOOKED = """
SELECT currency, count(*), sum(net) FROM stripe_balance_transaction WHERE entry_id IS NULL GROUP BY currency
"""
CHAIN = """
SELECT coalesce((SELECT sum(amount) FROM chain_deposit WHERE entry_id IS NOT NULL), 0)
     - coalesce((SELECT sum(amount) FROM payout WHERE clearing = 'CLEARING_CHAIN' AND state = 'PAID'), 0),
       EXISTS (SELECT 1 FROM chain_deposit)
"""
# Seen, and not deep enough or not credited yet.
CHAIN_WAITING = "SELECT count(*), coalesce(sum(amount), 0) FROM chain_deposit WHERE state = 'SEEN'"
PAYOUTS = """
SELECT currency, sum(amount), count(*) FROM payout
 WHERE state IN ('PLANNED', 'SENT', 'IN_TRANSIT') GROUP BY currency
"""
# Lines of banks, movements at Stripe that nobody knows, deposits on chain at addresses that nobody has, and
# what was frozen and let go to an authority, until a line of a bank says that it left.
WAITING = """
    SELECT a.currency, l.amount, l.booked_on AS day
      FROM bank_line l JOIN bank_account a ON a.id = l.account_id
     WHERE l.state IN ('SUSPENSE', 'RETURNING')
     UNION ALL
    SELECT t.currency, -p.amount, (t.happened_at AT TIME ZONE 'UTC')::date
      FROM stripe_balance_transaction t JOIN posting p ON p.entry_id = t.entry_id
      JOIN ledger_account a ON a.id = p.account_id AND a.purpose = 'SUSPENSE'
     UNION ALL
    SELECT 'USDC', amount, (seen_at AT TIME ZONE 'UTC')::date
      FROM chain_deposit WHERE entry_id IS NOT NULL AND organization_id IS NULL
     UNION ALL
    SELECT a.currency, f.released, (f.ended_at AT TIME ZONE 'UTC')::date
      FROM money_freeze f JOIN ledger_account a ON a.id = f.account_id JOIN approval g ON g.id = f.approval_id
     WHERE f.released > 0 AND a.currency <> 'XTS' AND g.canonical::jsonb ->> 'to' = 'AUTHORITY'
"""


def read_all(*, stripe: External, chain: External) -> list[Said]:
    """What is said of each currency in which anything is; in the order of their codes."""
    balances: dict[str, dict[str, Decimal]] = {}
    for currency, purpose, amount in _ask(BALANCES):
        balances.setdefault(currency, {})[purpose] = amount
    banks = {currency: (closing, accounts) for currency, closing, accounts in _ask(BANK)}
    movements = {currency: (net, count) for currency, net, count in _ask(STRIPE)}
    payouts = {currency: (amount, count) for currency, amount, count in _ask(PAYOUTS)}
    suspense: dict[str, tuple[Decimal, int, date]] = {}
    for currency, day, amount in list_suspense():
        total, count, oldest = suspense.get(currency, (ZERO, 0, day))
        suspense[currency] = (EXACT.add(total, amount), count + 1, min(oldest, day))
    ((records, has_chain),) = _ask(CHAIN)
    details = _read_details(banks, payouts, suspense)
    found = {*balances, *banks, *movements, *payouts, *suspense, *(stripe or ()), *(chain or ())}
    return [
        Said(
            currency=currency,
            balances=balances.get(currency, {}),
            bank=banks[currency][0] if currency in banks else None,
            stripe_movements=movements[currency][0] if currency in movements else None,
            stripe_balance=None if stripe is None else stripe.get(currency, ZERO),
            chain_records=records if has_chain else None,
            chain_balance=None if chain is None else chain.get(currency, ZERO),
            payouts=payouts.get(currency, (ZERO,))[0],
            suspense=suspense.get(currency, (ZERO,))[0],
            details=details.get(currency, {}),
        )
        for currency in sorted(found)
    ]


def list_suspense() -> list[tuple[str, date, Decimal]]:
    """Everything in suspense: currency, the day (UTC) since when, amount as it came in."""
    return [(currency, day, amount) for currency, amount, day in _ask(WAITING)]


def _read_details(
    banks: Mapping[str, Any], payouts: Mapping[str, Any], suspense: Mapping[str, Any]
) -> dict[str, dict[Name, dict[str, Any]]]:
    """What an operator wants to see beside a difference; amounts as text."""
    found: dict[str, dict[Name, dict[str, Any]]] = {}

    def note(currency: str, name: Name, **words: Any) -> None:
        found.setdefault(currency, {}).setdefault(name, {}).update(words)

    for currency, (_, accounts) in banks.items():
        note(currency, Name.BANK, statements=accounts)
    for currency, count in _ask(SILENT_BANKS):
        note(currency, Name.BANK, accounts_without_statements=count)
    for currency, amount in _ask(UNBOOKED):
        note(currency, Name.BANK, lines_not_booked_yet=f"{amount:f}")
    for currency, count, amount in _ask(UNSTATED):
        note(currency, Name.BANK, entries_on_no_statement=count, amount_on_no_statement=f"{amount:f}")
    for currency, count, amount in _ask(STRIPE_UNBOOKED):
        note(
            currency, Name.STRIPE_MOVEMENTS, movements_without_entry=count, amount_without_entry=f"{amount:f}"
        )
    for count, amount in _ask(CHAIN_WAITING):
        if count:
            note(CHAIN_CURRENCY, Name.CHAIN_BALANCE, deposits_waiting=count, amount_waiting=f"{amount:f}")
    for currency, (_, count) in payouts.items():
        note(currency, Name.PAYOUTS, open_payouts=count)
    for currency, (_, count, day) in suspense.items():
        note(currency, Name.SUSPENSE, lines=count, oldest=day.isoformat())
    return found


def _ask(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows

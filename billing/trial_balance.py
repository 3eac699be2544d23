"""The trial balance: every account's balance in its debit or credit column, and columns that are equal."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from core.money import AMOUNT_PLACES, fit
from core.quantities import EXACT

ZERO = fit(Decimal(0), AMOUNT_PLACES)
QUERY = """
SELECT a.currency, a.code, sum(p.amount)
  FROM posting p JOIN ledger_account a ON a.id = p.account_id
 WHERE %(entity)s IS NULL OR a.entity = %(entity)s
 GROUP BY a.currency, a.code ORDER BY a.currency, a.code
"""
BETWEEN_ENTITIES = "between entities"
"""What the other entities owe this one, in a trial balance of one; over all of them it is nothing."""


@dataclass(frozen=True, slots=True)
class Line:
    """One account; one of the two columns is zero. Nine places."""

    account: str
    debit: Decimal
    credit: Decimal


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """All accounts of one currency that ever moved."""

    currency: str
    lines: list[Line]

    @property
    def debit(self) -> Decimal:
        """Sum of the debit column."""
        return _add(line.debit for line in self.lines)

    @property
    def credit(self) -> Decimal:
        """Sum of the credit column; a ledger that balances has the same in both."""
        return _add(line.credit for line in self.lines)

    @property
    def balances(self) -> bool:
        """Whether both columns come to the same."""
        return self.debit == self.credit

    def to_dict(self) -> dict[str, Any]:
        """For JSON; amounts as decimal strings."""
        lines = [
            {"account": line.account, "debit": f"{line.debit:f}", "credit": f"{line.credit:f}"}
            for line in self.lines
        ]
        return {
            "currency": self.currency,
            "accounts": lines,
            "debit": f"{self.debit:f}",
            "credit": f"{self.credit:f}",
            "balances": self.balances,
        }

    def to_text(self) -> str:
        """A table for people, amounts aligned at their points."""
        rows = [(line.account, _cell(line.debit), _cell(line.credit)) for line in self.lines]
        rows.append(("Total", f"{self.debit:,f}", f"{self.credit:,f}"))
        head = (self.currency, "Debit", "Credit")
        name, debit, credit = (max(len(row[column]) for row in [head, *rows]) for column in range(3))
        texts = [f"{row[0]:<{name}}  {row[1]:>{debit}}  {row[2]:>{credit}}".rstrip() for row in [head, *rows]]
        rule = "-" * (name + debit + credit + 4)
        return "\n".join([texts[0], rule, *texts[1:-1], rule, texts[-1]])


def read_trial_balances(*, entity: str | None = None) -> list[TrialBalance]:
    """
    One trial balance for each currency, from every posting that is committed; of all books or one entity's.

    An entry may be between accounts of two entities. What one of them owes the other by it is a line of its
    own in the trial balance of each.
    """
    with connection.cursor() as cursor:
        cursor.execute(QUERY, {"entity": entity})
        found = make_trial_balances(cursor.fetchall())
    return found if entity is None else [close_between(one) for one in found]


def close_between(found: TrialBalance) -> TrialBalance:
    """One entity's trial balance with what the others owe it, or it owes them, as the last line."""
    owed = EXACT.subtract(found.credit, found.debit)
    if not owed:
        return found
    line = Line(BETWEEN_ENTITIES, max(owed, ZERO), max(owed.copy_negate(), ZERO))
    return TrialBalance(found.currency, [*found.lines, line])


def make_trial_balances(rows: Iterable[tuple[str, str, Decimal]]) -> list[TrialBalance]:
    """One for each currency, of rows (currency, account, debits less credits) in their order."""
    found: dict[str, list[Line]] = {}
    for currency, code, amount in rows:
        amount = fit(amount, AMOUNT_PLACES)
        line = Line(code, amount, ZERO) if amount >= 0 else Line(code, ZERO, amount.copy_negate())
        found.setdefault(currency, []).append(line)
    return [TrialBalance(currency, lines) for currency, lines in found.items()]


def _add(amounts: Any) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def _cell(amount: Decimal) -> str:
    return f"{amount:,f}" if amount else ""

"""The lines of an invoice: by kind, model and site, with amounts that add up as they are printed. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.statements.shares import add, show_shares
from billing.statements.sources import Work


class WorkIncomplete(RuntimeError):
    """What was sold comes to something else than the entries."""


@dataclass(frozen=True, slots=True)
class Line:
    """
    One line: `exact` is what the wallet lost, `shown` the same in the places that the currency is paid in.

    A line that is no work (heat, say) has neither model nor site.
    """

    kind: str
    model: str
    site: str
    country: str
    charges: int
    tokens_in: int
    tokens_out: int
    exact: Decimal
    shown: Decimal

    def describe(self) -> dict[str, Any]:
        """As the invoice keeps it."""
        return {
            "kind": self.kind,
            "model": self.model,
            "site": self.site,
            "country": self.country,
            "charges": self.charges,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "exact": f"{self.exact:f}",
            "shown": f"{self.shown:f}",
        }


def make_lines(*, sums: Mapping[str, Decimal], work: Sequence[Work], places: int) -> list[Line]:
    """
    Lines for what entries of each kind (`sums`) took; kinds that work says nothing of get one line each.

    :raises WorkIncomplete: if the work of a kind comes to something else than its entries
    """
    known = {kind: add([one.amount for one in work if one.kind == kind]) for kind in {w.kind for w in work}}
    wrong = [kind for kind, amount in known.items() if sums.get(kind) != amount]
    if wrong:
        raise WorkIncomplete(f"work of {', '.join(sorted(wrong))} is not what its entries say")
    parts = [one for one in work if one.amount]
    parts += [Work(kind, "", "", "", 0, 0, 0, amount) for kind, amount in sums.items() if kind not in known]
    parts.sort(key=lambda one: (one.kind, one.model, one.site))
    shown = show_shares([one.amount for one in parts], places=places)
    return [
        Line(
            kind=one.kind,
            model=one.model,
            site=one.site,
            country=one.country,
            charges=one.charges,
            tokens_in=one.tokens_in,
            tokens_out=one.tokens_out,
            exact=one.amount,
            shown=part,
        )
        for one, part in zip(parts, shown, strict=True)
    ]

"""Who may be paid where, in which currency, by which rail: the table in rules.toml."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from billing.rails.protocol import Refusal

TABLE = Path(__file__).with_name("rules.toml")
ALL = "*"


class RulesUnreadable(ValueError):
    """The table says something that is no rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. `refused` is empty where the rail may pay; `verified`: somebody looked its source up."""

    rail: str
    currencies: frozenset[str]
    countries: frozenset[str]
    source: str
    verified: bool
    refused: str = ""

    def fits(self, *, rail: str, currency: str, country: str) -> bool:
        """Whether it speaks of this."""
        return (
            self.rail == rail
            and not self.currencies.isdisjoint((currency, ALL))
            and not self.countries.isdisjoint((country, ALL))
        )


def find_refusal(*, rules: Iterable[Rule], rail: str, currency: str, country: str) -> Refusal | None:
    """Why the rules do not let `rail` pay `currency` into `country`; None if they do."""
    for rule in rules:
        if rule.fits(rail=rail, currency=currency, country=country):
            return Refusal("jurisdiction", rule.refused) if rule.refused else None
    return Refusal("jurisdiction", f"This rail pays no {currency} into {country}.")


@cache
def read_rules() -> tuple[Rule, ...]:
    """The table, in order."""
    return parse_rules(TABLE.read_text(encoding="utf-8"))


def parse_rules(text: str) -> tuple[Rule, ...]:
    """
    Read a table.

    :raises RulesUnreadable: if a row lacks something, or says something unknown
    """
    try:
        rows: Sequence[dict[str, Any]] = tomllib.loads(text)["rule"]
        return tuple(_parse(row) for row in rows)
    except (KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise RulesUnreadable(str(error)) from error


def _parse(row: dict[str, Any]) -> Rule:
    currencies, countries = frozenset(row.pop("currencies")), frozenset(row.pop("countries"))
    rule = Rule(currencies=currencies, countries=countries, **row)
    if not currencies or not countries or not rule.source or not isinstance(rule.verified, bool):
        raise RulesUnreadable(f"A rule of {rule.rail} lacks currencies, countries, a source or `verified`.")
    return rule

"""Which tax forms a payee of a country may hand in; a readable file."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("tax_forms.csv")
ANY = "*"
WITHHELD_WITHOUT_BPS = 0
"""What is withheld of a payee without an accepted form; at nothing, such a payee waits."""


@dataclass(frozen=True, slots=True)
class TaxForm:
    """A form, the countries whose payees hand it in, and where it is described."""

    code: str
    countries: tuple[str, ...]
    name: str
    source: str


@cache
def read_forms() -> tuple[TaxForm, ...]:
    """Every form of the file."""
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return tuple(
        TaxForm(code, tuple(countries.split(";")), name, source)
        for code, countries, name, source in csv.reader(lines)
    )


def list_forms(*, country: str) -> list[TaxForm]:
    """Those for payees of a country: its own first, then those for anybody."""
    own = [form for form in read_forms() if country in form.countries]
    return own + [form for form in read_forms() if ANY in form.countries and country != "US"]

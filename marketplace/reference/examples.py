"""
Example tariffs of hubs and countries: what is known of them, and a tariff where that makes one. Pure; imports
no Django.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from marketplace.reference.tables import DATA, DATE, BadRow, Evidence, Grade
from marketplace.tariffs.documents import load_json, parse_tariff
from marketplace.tariffs.refusals import TariffInvalid
from marketplace.tariffs.tariff import Tariff

FOLDER = DATA / "tariffs"
FIELDS = {"title": str, "hub": bool, "grid_zone": str, "illustrative": bool, "note": str, "evidence": list}
CLAIM = ("claim", "source", "date", "grade")


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that is said of a place's electricity, and by whom."""

    claim: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class TariffExample:
    """
    What is known of the electricity of a place; `tariff` is None where it makes none.

    `hub`: one of the eight of East Data, West Computing. `illustrative`: part of it is assumed, which `note`
    explains and whoever shows it says. `document` is the tariff as the file has it.
    """

    name: str
    title: str
    hub: bool
    grid_zone: str
    illustrative: bool
    note: str
    claims: tuple[Claim, ...]
    tariff: Tariff | None
    document: Mapping[str, Any] | None


@cache
def read_tariff_examples(folder: Path = FOLDER) -> tuple[TariffExample, ...]:
    """
    Every example of a folder, by name.

    :raises BadRow: naming file and field
    """
    return tuple(_read_example(path) for path in sorted(folder.glob("*.json")))


def _read_example(path: Path) -> TariffExample:
    try:
        whole = load_json(path.read_bytes())
    except (TariffInvalid, OSError) as refusal:
        raise BadRow(path.name, 0, "document", str(refusal))
    if not isinstance(whole, dict) or set(whole) != {*FIELDS, "tariff"}:
        raise BadRow(path.name, 0, "document", f"the fields are not {', '.join([*FIELDS, 'tariff'])}")
    for field, kind in FIELDS.items():
        if not isinstance(whole[field], kind):
            raise BadRow(path.name, 0, field, f"is not a {kind.__name__}")
    try:
        tariff = None if whole["tariff"] is None else parse_tariff(whole["tariff"])
    except TariffInvalid as refusal:
        raise BadRow(path.name, 0, f"tariff.{refusal.field}", refusal.problem)
    if tariff is not None and tariff.name != path.stem:
        raise BadRow(path.name, 0, "tariff.name", f"is {tariff.name}, the file's is {path.stem}")
    return TariffExample(
        name=path.stem,
        title=whole["title"],
        hub=whole["hub"],
        grid_zone=whole["grid_zone"],
        illustrative=whole["illustrative"],
        note=whole["note"],
        claims=tuple(_read_claim(path, number, claim) for number, claim in enumerate(whole["evidence"])),
        tariff=tariff,
        document=whole["tariff"],
    )


def _read_claim(path: Path, number: int, claim: object) -> Claim:
    where = f"evidence[{number}]"
    if not isinstance(claim, dict) or set(claim) != set(CLAIM) or not all(claim.values()):
        raise BadRow(path.name, 0, where, f"says not {', '.join(CLAIM)}")
    if claim["grade"] not in set(Grade) or not DATE.fullmatch(claim["date"]):
        raise BadRow(path.name, 0, where, "has no such grade, or no such date")
    evidence = Evidence(claim["source"], claim["date"], Grade(claim["grade"]), verified=False)
    return Claim(claim["claim"], evidence)

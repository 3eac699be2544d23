"""
The published examples, recomputed from an input file that ships, figure by figure. Pure; imports no Django.

A figure is first rounded to 18 places, as prices are, then to as many as were printed, and is right only if
it is then the same.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache
from pathlib import Path
from typing import Any

from core.money import PRICE_PLACES, parse_decimal
from core.quantities import ROUNDING, format_plain, round_half_even
from marketplace.energy import fleet, measures
from marketplace.energy.build_up import build_up
from marketplace.energy.inputs import Carbon, CarbonBasis, Hall, Heat, Inputs, Machine, Power
from marketplace.energy.refusals import BadInput
from marketplace.energy.work import (
    Unit,
    Work,
    list_chip_second_work,
    list_hash_work,
    list_token_work,
)

FILE = Path(__file__).resolve().parent / "examples" / "published.toml"
CURRENCY = "CNY"
# Places of a figure that nothing was printed for.
PLACES = 3
ABOUT = frozenset({"name", "note", "ours", "printed"})


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: as computed, to the places printed, and as printed, if it was."""

    value: str
    printed: str | None

    @property
    def is_right(self) -> bool:
        """Whether it is as printed; one that was not printed cannot be wrong."""
        return self.printed is None or Decimal(self.printed) == Decimal(self.value)


@dataclass(frozen=True, slots=True)
class Row:
    """One example: its inputs as written, those chosen here, and its figures by column."""

    name: str
    note: str
    inputs: Mapping[str, str]
    ours: tuple[str, ...]
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Table:
    """Examples of one kind; `columns` are headings by figure, `defaults` the inputs that its rows share."""

    id: str
    title: str
    text: str
    columns: Mapping[str, str]
    defaults: Mapping[str, str]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Deviation:
    """A figure that is not as printed."""

    table: str
    row: str
    column: str
    figure: Figure

    def __str__(self) -> str:
        return (
            f"{self.table}, {self.row}, {self.column}: "
            f"computed {self.figure.value}, printed {self.figure.printed}"
        )


@dataclass(frozen=True, slots=True)
class Proof:
    """Every table, and the rates at which money was converted."""

    rates: Mapping[str, Decimal]
    rates_source: str
    tables: tuple[Table, ...]

    @property
    def printed(self) -> int:
        """How many figures were compared."""
        figures = (figure for table in self.tables for row in table.rows for figure in row.figures.values())
        return sum(figure.printed is not None for figure in figures)

    def list_deviations(self) -> list[Deviation]:
        """Every figure that is not as printed."""
        return [
            Deviation(table.id, row.name, column, figure)
            for table in self.tables
            for row in table.rows
            for column, figure in row.figures.items()
            if not figure.is_right
        ]


@cache
def recompute(path: Path = FILE) -> Proof:
    """
    Compute every example of a file.

    :raises BadInput: naming what is wrong in it
    """
    with path.open("rb") as file:
        document = tomllib.load(file)
    listed = dict(document["rates"])
    source = listed.pop("source")
    rates = {currency: parse_decimal(rate) for currency, rate in listed.items()}
    tables = tuple(_compute_table(table, rates) for table in document["table"])
    return Proof(rates, source, tables)


def _compute_table(table: Mapping[str, Any], rates: Mapping[str, Decimal]) -> Table:
    columns, defaults = table["columns"], table["defaults"]
    rows = []
    for row in table["row"]:
        given = {name: str(value) for name, value in row.items() if name not in ABOUT}
        fields = Fields({name: str(value) for name, value in defaults.items()} | given, rates)
        printed = row.get("printed", {})
        _refuse_unknown(f"{table['id']}, {row['name']}: printed", printed, columns)
        _refuse_unknown(f"{table['id']}, {row['name']}: ours", row.get("ours", ()), fields.texts)
        found = _measure(fields)
        _refuse_unknown(f"{table['id']}: columns", columns, found)
        rows.append(
            Row(
                name=row["name"],
                note=row.get("note", ""),
                inputs=given,
                ours=tuple(row.get("ours", ())),
                figures={
                    column: _compare(found[column], printed.get(column))
                    for column in columns
                    if column in found
                },
            )
        )
        fields.refuse_unread()
    return Table(
        id=table["id"],
        title=table["title"],
        text=table["text"].strip(),
        columns=columns,
        defaults={name: str(value) for name, value in defaults.items()},
        rows=tuple(rows),
    )


class Fields:
    """A row's inputs, converted as they are read; what is never read is refused in the end."""

    def __init__(self, texts: Mapping[str, str], rates: Mapping[str, Decimal]) -> None:
        self.texts = texts
        self.rates = rates
        self._unread = set(texts)

    def text(self, name: str, default: str = "") -> str:
        """A text as it stands."""
        self._unread.discard(name)
        return self.texts.get(name, default)

    def number(self, name: str, default: str | None = None) -> Decimal:
        """A decimal literal."""
        text = self.text(name, default or "")
        try:
            return parse_decimal(text)
        except ValueError:
            raise BadInput(name, f"{text!r} is not a number") from None

    def money(self, name: str, default: str | None = None) -> Decimal:
        """An amount, in CNY."""
        text = self.text(name, default or "")
        amount, _, currency = text.partition(" ")
        if currency not in self.rates:
            raise BadInput(name, f"{text!r} is in no currency that there is a rate for")
        with localcontext(ROUNDING):
            return self.number_of(name, amount) * self.rates[currency]

    def number_of(self, name: str, text: str) -> Decimal:
        """A decimal literal that is part of a field."""
        try:
            return parse_decimal(text)
        except ValueError:
            raise BadInput(name, f"{text!r} is not a number") from None

    def refuse_unread(self) -> None:
        """
        Refuse inputs that play no part.

        :raises BadInput: naming one
        """
        for name in sorted(self._unread):
            raise BadInput(name, "it plays no part in this example")


def _measure(fields: Fields) -> Mapping[str, Decimal]:
    unit, usd = fields.text("unit"), fields.rates["USD"]
    if unit == "fleet":
        return fleet.measure_day(_read_day(fields), usd=usd)
    if unit == "roofline":
        return _measure_roofline(fields)
    inputs = _read_inputs(fields, Unit(unit))
    return measures.measure(inputs=inputs, built=build_up(inputs), unit=Unit(unit), usd=usd)


def _measure_roofline(fields: Fields) -> Mapping[str, Decimal]:
    return measures.measure_roofline(
        parameters=fields.number("parameters"),
        peak_tflops=fields.number("peak_tflops"),
        peak_share=fields.number("peak_share"),
        chip_watts=fields.number("chip_watts"),
        output_joules=fields.number("output_joules"),
    )


def _read_inputs(fields: Fields, unit: Unit) -> Inputs:
    location = fields.number("location_g", "0")
    return Inputs(
        currency=CURRENCY,
        power=Power(
            per_kwh=fields.money("price"),
            source="example",
            demand_per_kw_month=fields.money("demand_per_kw_month", "0 CNY"),
            load_factor=fields.number("load_factor", "1"),
        ),
        hall=Hall(
            pue=fields.number("pue"),
            source="example",
            capital_per_watt=fields.money("hall_per_watt", "0 CNY"),
            years=int(fields.number("hall_years", "15")),
            rate=fields.number("hall_rate", "0"),
        ),
        carbon=Carbon(
            location_g=location,
            market_g=fields.number("market_g", format_plain(location)),
            source="example",
            basis=CarbonBasis(fields.text("carbon_basis", "none")),
            price_per_tonne=fields.money("carbon_price", "0 CNY"),
        ),
        machine=_read_machine(fields),
        work=_read_work(fields, unit),
        work_source="example",
        heat=Heat(fields.number("heat_reused", "0"), fields.money("heat_price", "0 CNY"), "example"),
    )


def _read_machine(fields: Fields) -> Machine:
    return Machine(
        chips=int(fields.number("chips")),
        chip_watts=fields.number("chip_watts"),
        host_watts=fields.number("host_watts"),
        idle_watts=fields.number("idle_watts"),
        utilisation=fields.number("utilisation"),
        capital=fields.money("capital", "0 CNY"),
        source="example",
        years=int(fields.number("years", "1")),
        rate=fields.number("rate", "0"),
        operations_rate=fields.number("operations_rate", "0"),
    )


def _read_work(fields: Fields, unit: Unit) -> Mapping[Unit, Work]:
    watts = fields.number("chip_watts")
    if unit is Unit.CHIP_SECOND:
        return list_chip_second_work(chip_watts=watts, chips=int(fields.number("chips")))
    rate = fields.number("per_second")
    with localcontext(ROUNDING):
        joules = watts / rate
    if unit is Unit.TERAHASH:
        return list_hash_work(joules_per_terahash=joules, terahash_per_second=rate)
    if unit is Unit.OUTPUT:
        return list_token_work(output_joules=joules, output_per_second=rate)
    raise BadInput("unit", f"there are no examples of {unit}")


def _read_day(fields: Fields) -> fleet.Day:
    return fleet.Day(
        node_watts=fields.number("node_watts"),
        pue=fields.number("pue"),
        chips=int(fields.number("chips")),
        input_tokens=fields.number("input_tokens"),
        cached_share=fields.number("cached_share"),
        output_tokens=fields.number("output_tokens"),
        input_per_second=fields.number("input_per_second"),
        output_per_second=fields.number("output_per_second"),
        nodes=fields.number("nodes"),
        chip_hour=fields.money("chip_hour"),
        revenue=fields.money("revenue"),
        prices={name: fields.money(name) for name in ("direct", "delivered", "virginia")},
    )


def _compare(value: Decimal, printed: str | None) -> Figure:
    places = PLACES if printed is None else len(printed.partition(".")[2])
    rounded = round_half_even(round_half_even(value, PRICE_PLACES), places)
    return Figure(f"{rounded:f}", printed)


def _refuse_unknown(field: str, names: Any, known: Any) -> None:
    for name in names:
        if name not in known:
            raise BadInput(field, f"{name} is not known")

"""The examples and the estimator as a page of the documentation. Pure; imports no Django."""

import textwrap
from collections.abc import Iterable, Mapping

from marketplace.energy.estimator import COEFFICIENTS
from marketplace.energy.fit import Quality
from marketplace.energy.proof import Proof, Row, Table

WIDTH = 120
COMMAND = "python manage.py energy page > docs/reference/energy-examples.md"

HEAD = """\
# Energy and price: worked examples

Made by `{command}`; do not edit.
A test compares it with what the code computes.

Every figure below is computed by `marketplace/energy` from
[one input file](../../marketplace/energy/examples/published.toml) and compared with the figure printed in the
published calculation, to its last digit: {printed} figures, {deviations}.
`python manage.py energy examples` does the same and exits 1 if one differs. What stands in *italics* was
not compared: it was printed nowhere, or its inputs do not give what was printed, and then its row says so.

Rates: {rates} ({source}).
A row marked *ours* needs inputs that the calculation does not state and that were chosen here. That it comes
out as printed shows that such inputs exist, not that they were the ones.
"""

FORMULA = """\
## How a price comes about

For each unit of work: an output, uncached input or cached input token, a chip-second, an image, a
terahash.

| line | for one unit |
|---|---|
| `electricity` | chip joules x host factor / 3.6e6 x price per kWh |
| `idle` | seconds of the machine x idle watts x (1 - u) / u x price per kWh |
| `cooling_and_losses` | both energies x (PUE x (1 + line loss) - 1) x price per kWh |
| `demand` | kWh at the meter x rate per kW and month / (730 x load factor) |
| `demand_response` | - kWh at the meter x payments per kWh x share passed on |
| `heat_credit` | - kWh at the meter x share reused x price of heat |
| `carbon` | grams x price per tonne, or nothing |
| `hardware` | seconds x capital x (1 - residual / (1 + r)^n) x CRF(r, n) / (8760 u) |
| `facility` | seconds x watts at the meter x capital per watt x CRF(r, n) / (8760 u) |
| `operations` | seconds x capital x yearly share / (8760 u) |
| `network`, `licence` | gigabytes that leave the site x price; what the model's owner is paid |
| `margin` | the provider's share of the sum so far |
| `platform_fee` | the platform's share of what the buyer pays |

u is the share of hours that are busy, CRF(r, n) = r (1 + r)^n / ((1 + r)^n - 1). Grams are those of the
grid where the site is, or those of what was contracted x (1 - share matched hour by hour), as the site
chooses, with its share of what making the machine emitted; both accounts are told, never added. Demand
response pays for being available, spread like a demand charge, and for each kWh shed. Each line is
rounded to 18 places, half to even, and the price is their sum, before tax. An input token takes 0.45 of
an output token's joules where nobody measured it, a cached one none.

Grouped, lines are *heat* (cooling and losses, heat credit), *electricity* (electricity, demand, carbon,
demand response), *algorithm* (idle, licence), *chip* (hardware), *network*, *facility* (facility,
operations) and *platform* (margin, fee).
"""

ESTIMATOR = """\
## Joules of a token that nobody measured

Joules are those of the node's receipts, else as its provider declares, else by the reference table at
its batch, else by this formula; the answer says which. A node that cannot measure is priced at the
public figure, or its own if that is more, times 1.25.

`{formula}`

for chip joules J of an output token, active and total parameters A and T in billions, b requests at a
time and n chips; valid for 8 to 4,096 requests, 8 to 671 billion parameters (3 active at the least), 1
to 8 chips, BF16 and FP8. Other chips than H100 and B200 are scaled from the H100 by full power and
inverse memory bandwidth, and labelled so.

Over all {rows} rows of the reference table, b being the batch that ran on average: R2 {r2:.3f}, mean
absolute error {error:.1f} %. Fitted anew without each of the {models} models in turn and asked about it:
{unseen:.0f} %, and in nine of ten cases within {p90:.0f} %. Sizes are those in the models' names, or on
their cards.
"""


def render(*, proof: Proof, quality: Quality) -> str:
    """The page, as Markdown."""
    deviations = len(proof.list_deviations())
    head = HEAD.format(
        command=COMMAND,
        printed=proof.printed,
        deviations=f"{deviations} differ" if deviations else "none differs",
        rates=", ".join(f"{rate} CNY per {name}" for name, rate in proof.rates.items() if name != "CNY"),
        source=proof.rates_source,
    )
    estimator = ESTIMATOR.format(
        formula=_write_formula(),
        rows=quality.rows,
        models=quality.models,
        r2=quality.r2,
        error=quality.error,
        unseen=quality.unseen_error,
        p90=quality.unseen_error_p90,
    )
    return "\n".join([head, *(_render_table(table) for table in proof.tables), FORMULA, estimator])


def render_plain(proof: Proof) -> Iterable[str]:
    """Lines for a terminal: a row's figures, each with a mark if it is not as printed."""
    for table in proof.tables:
        yield f"{table.title}"
        for row in table.rows:
            yield f"  {row.name}" + (f" (ours: {', '.join(row.ours)})" if row.ours else "")
            for column, figure in row.figures.items():
                if figure.printed is not None:
                    mark = "" if figure.is_right else f"   printed {figure.printed}"
                    yield f"    {table.columns[column]:<36}{figure.value:>12}{mark}"
        yield ""


def _render_table(table: Table) -> str:
    lines = [f"## {table.title}", "", _wrap(table.text), ""]
    lines += [_render_row(["", *table.columns.values()]), "|---|" + "---:|" * len(table.columns)]
    lines += [_render_row([_name(row), *_list_figures(table, row)]) for row in table.rows]
    lines += ["", _wrap(f"All rows, unless they say otherwise: {_list_inputs(table.defaults)}."), ""]
    lines += [_wrap(f"* {row.name}: {_describe(row)}", indent="  ") for row in table.rows]
    return "\n".join([*lines, ""])


def _list_figures(table: Table, row: Row) -> Iterable[str]:
    for column in table.columns:
        figure = row.figures.get(column)
        if figure is None:
            yield ""
        elif figure.printed is None:
            yield f"*{figure.value}*"
        else:
            yield figure.value if figure.is_right else f"**{figure.value}** (printed {figure.printed})"


def _name(row: Row) -> str:
    return f"{row.name} (*ours*)" if row.ours else row.name


def _describe(row: Row) -> str:
    parts = [_list_inputs(row.inputs)]
    if row.ours:
        parts.append("ours: " + ", ".join(f"`{name}`" for name in row.ours))
    text = "; ".join(parts) + "."
    return f"{text} {row.note.strip()}" if row.note else text


def _list_inputs(inputs: Mapping[str, str]) -> str:
    return ", ".join(f"`{name}` {value}" for name, value in inputs.items())


def _wrap(text: str, *, indent: str = "") -> str:
    return textwrap.fill(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _render_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _write_formula() -> str:
    names = ("", " ln A", " ln T", " ln b", " (ln b)^2", " ln n", " [B200]", " [FP8]")
    terms = [f"{c:+f}{name}" for c, name in zip(COEFFICIENTS, names, strict=True)]
    return "ln J = " + " ".join(terms)

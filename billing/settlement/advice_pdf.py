"""Remittance advice to print, in English or Chinese: every line, or their sums where there are many."""

import hashlib
from decimal import Decimal
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from billing.models import SettlementItem
from billing.settlement import advice, words
from billing.settlement.advice import AdviceRow
from billing.statements import rendering
from core import formats

LINES_MAX = 2000
"""So many lines are listed one by one, as in statements."""


def render_advice(*, item: SettlementItem, language: str) -> bytes:
    """
    The advice of an item as PDF, with the digest of its CSV.

    :raises billing.statements.rendering.NotRendered: if it could not be set
    """
    digest = hashlib.sha256()
    for text in advice.write_csv(item=item):
        digest.update(text.encode())
    rows = advice.list_rows(item=item, limit=LINES_MAX + 1)
    with translation.override(language):
        data = describe_advice(item, rows, digest.hexdigest(), language)
    return rendering.render(template="statement.typ", data=data)


def describe_advice(
    item: SettlementItem, rows: list[AdviceRow], sha256: str, language: str
) -> dict[str, Any]:
    """What the template of statements prints of an advice."""
    locale, code, listed = formats.find_locale(language), item.batch.currency, len(rows) <= LINES_MAX

    def show(amount: Decimal) -> str:
        return formats.show_exactly(amount, code, locale=locale)

    def name(kind: str) -> str:
        return str(words.name_kind(kind))

    def describe(row: AdviceRow) -> list[str]:
        day = formats.show_day(row.happened_at.date(), locale=locale)
        share = row.overrun - row.fee
        usage = str(row.usage_id or "")
        return [day, name(row.kind), usage, show(row.amount), show(share), show(row.net)]

    heads = [_("Day"), _("What"), _("Usage record"), _("Sold"), _("The platform's share"), _("Amount")]
    sums = [[name(line.kind), f"{line.count}", show(line.amount)] for line in item.lines.all()]
    facts = [
        (_("Provider"), item.organization.name),
        (_("Period"), item.batch.period),
        (_("Currency"), code),
        (_("Charges behind it"), f"{item.charges}"),
        (_("Carried over"), show(item.opening)),
        *((row[0], row[2]) for row in sums),
        (_("Owed at the cutoff"), show(item.balance)),
        *((name(kind), show(amount)) for kind, amount in advice.list_taken(item) if amount),
        (_("Carried on"), show(item.carried)),
    ]
    many = _("There are too many lines to print: these are their sums. The CSV file has every line.")
    return {
        "language": language,
        "author": "Jouleport",
        "title": f"{_('Remittance advice')} {item.batch.period}",
        "footer": f"{item.organization.name} · {code} · {item.uid}",
        "facts": facts,
        "heads": heads if listed else [_("What"), _("Lines"), _("Amount")],
        "widths": ["auto", "left", *["auto"] * 4] if listed else ["left", "auto", "auto"],
        "rows": [describe(row) for row in rows] if listed else sums,
        "nothing": _("Nothing happened since the settlement before."),
        "notes": [
            *([] if listed else [many]),
            _("SHA-256 of the CSV file with every line: %(sha256)s") % {"sha256": sha256},
        ],
    }

"""Statements and invoices as documents: what is printed, in English or Chinese, and the PDF of it."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import IO, Any

from babel import Locale

from billing.models import Invoice
from billing.statements import csv_files, rendering
from billing.statements.csv_files import Written
from billing.statements.statement import Line, Statement
from billing.statements.words import find_word
from core import formats
from core.quantities import format_plain

LINES_MAX = 2000
"""So many movements are listed one by one; setting a thousand takes a quarter of a second."""


def render_invoice(*, invoice: Invoice, language: str | None = None) -> bytes:
    """
    An invoice or credit note as PDF, in the language it was issued in unless another is asked for.

    :raises billing.statements.rendering.NotRendered: if it could not be set
    """
    facts = invoice.facts
    return rendering.render(
        template="invoice.typ", data=describe_invoice(invoice, facts, language or facts["language"])
    )


def describe_invoice(invoice: Invoice, facts: dict[str, Any], language: str) -> dict[str, Any]:
    """What the template of invoices prints."""
    locale, places, code = formats.find_locale(language), facts["places"], invoice.currency

    def word(key: str) -> str:
        return find_word(language, key)

    def money(amount: Decimal) -> str:
        return f"{formats.show_decimal(amount, places=places, places_max=places, locale=locale)} {code}"

    sums = [(word("net"), money(invoice.net_shown))]
    sums += [(_name_tax(tax, language), money(Decimal(tax["amount"]))) for tax in facts["taxes"]]
    exact = word("ledger_exact" if invoice.series else "exact")
    by_recipient = facts.get("self_billing")
    return {
        "language": language,
        "author": facts["seller"]["name"],
        "title": f"{word(f'SELF_{invoice.kind}' if by_recipient else invoice.kind)} {invoice.number}",
        "footer": f"{invoice.number} · SHA-256 {invoice.sha256}",
        "seller_label": word("seller"),
        "buyer_label": word("buyer"),
        "seller": _describe_party(facts["seller"], word("tax_id"), locale),
        "buyer": _describe_party(facts["buyer"], word("tax_id"), locale),
        "facts": _list_facts(invoice, facts, language, locale),
        "heads": [word(key) for key in ("kind", "model", "site", "charges", "tokens", "amount")],
        "rows": [_describe_line(line, places, language, locale) for line in facts["lines"]],
        "sums": sums,
        "total": (word("total"), money(invoice.total)),
        "notes": [
            exact.format(amount=f"{format_plain(invoice.net)} {code}"),
            word(_find_closing_note(invoice)),
            *([_describe_agreement(by_recipient, language, locale)] if by_recipient else []),
            *_list_tax_notes(facts["taxes"], language),
        ],
    }


def render_statement(*, statement: Statement, language: str, out: IO[bytes]) -> bytes:
    """
    A statement as PDF; its CSV, whose digest is printed in it, goes to `out`.

    :raises billing.statements.rendering.NotRendered: if it could not be set
    """
    written = csv_files.write_csv(statement, out, keep=LINES_MAX)
    return rendering.render(
        template="statement.typ", data=describe_statement(statement, written, language=language)
    )


def describe_statement(statement: Statement, written: Written, *, language: str) -> dict[str, Any]:
    """What the template of statements prints: each movement, or sums where there are more than are listed."""
    locale, code = formats.find_locale(language), statement.wallet.currency
    owner, period, listed = statement.owner, statement.period, written.lines <= LINES_MAX

    def word(key: str) -> str:
        return find_word(language, key)

    def money(amount: Decimal) -> str:
        return f"{formats.show_exactly(amount, code, locale=locale)} {code}"

    keys = (
        ("day", "kind", "reference", "amount", "balance") if listed else ("day", "kind", "entries", "amount")
    )
    rows = (
        [_list_movement(line, job, code, language, locale) for line, job in written.kept]
        if listed
        else [
            [
                formats.show_day(one.day, locale=locale),
                word(one.kind),
                f"{one.entries}",
                formats.show_exactly(one.amount, code, locale=locale),
            ]
            for one in statement.read_sums()
        ]
    )
    return {
        "language": language,
        "author": "Jouleport",
        "title": f"{word('statement')} {code}",
        "footer": f"{owner} · {code} · {period.since} – {period.last}",
        "facts": [
            (word("wallet_of"), owner),
            (word("since"), formats.show_day(period.since, locale=locale)),
            (word("until"), formats.show_day(period.last, locale=locale)),
            (word("opening"), money(statement.opening)),
            (word("closing"), money(statement.closing)),
            (word("movements"), f"{written.lines}"),
        ],
        "heads": [word(key) for key in keys],
        "widths": ["left", "left", "left", "auto", "auto"] if listed else ["left", "left", "auto", "auto"],
        "rows": rows,
        "nothing": word("nothing"),
        "notes": [
            *([] if listed else [word("grouped")]),
            word("utc"),
            word("sha256").format(sha256=written.sha256),
        ],
    }


def _list_movement(line: Line, job: str, code: str, language: str, locale: Locale) -> list[str]:
    return [
        formats.show_day(line.day, locale=locale),
        find_word(language, line.kind),
        job or line.reason or line.key,
        formats.show_exactly(line.amount, code, locale=locale),
        formats.show_exactly(line.balance, code, locale=locale),
    ]


def _describe_party(party: dict[str, str], label: str, locale: Locale) -> dict[str, str]:
    country = locale.territories.get(party["country"], party["country"])
    parts = [party["address"], country, f"{label}: {party['tax_id']}" if party["tax_id"] else ""]
    return {"name": party["name"], "address": "\n".join(part for part in parts if part)}


def _list_facts(
    invoice: Invoice, facts: dict[str, Any], language: str, locale: Locale
) -> list[tuple[str, str]]:
    first, last = invoice.since, invoice.period.last
    period = f"{formats.show_day(first, locale=locale)} – {formats.show_day(last, locale=locale)}"
    listed = [
        ("number", invoice.number),
        ("issued", formats.show_day(invoice.issued_on, locale=locale)),
        ("period", period),
        ("currency", invoice.currency),
    ]
    if invoice.corrects_id:
        listed += [("corrects", facts["corrects"]), ("reason", facts["reason"])]
    if by_recipient := facts.get("self_billing"):
        listed.append(("payout", by_recipient["payout"]))
        if by_recipient.get("takes_from"):
            listed.append(("takes_from", ", ".join(by_recipient["takes_from"])))
    return [(find_word(language, key), text) for key, text in listed]


def _describe_line(line: dict[str, Any], places: int, language: str, locale: Locale) -> list[str]:
    def count(number: int) -> str:
        return formats.show_decimal(Decimal(number), locale=locale)

    site = f"{line['site']} ({line['country']})" if line["site"] else ""
    tokens = f"{count(line['tokens_in'])} / {count(line['tokens_out'])}" if line["model"] else ""
    shown = formats.show_decimal(Decimal(line["shown"]), places=places, places_max=places, locale=locale)
    charges = count(line["charges"]) if line["model"] else ""
    return [find_word(language, line["kind"]), line["model"], site, charges, tokens, shown]


def _name_tax(tax: dict[str, Any], language: str) -> str:
    label = (tax["label_zh"] if language == "zh-hans" else "") or tax["label"]
    return f"{label} {format_plain(Decimal(tax['rate']) * 100)} %"


def _describe_agreement(agreed: dict[str, str], language: str, locale: Locale) -> str:
    day = formats.show_day(date.fromisoformat(agreed["agreed_on"]), locale=locale)
    return find_word(language, "self_billed").format(agreed=day, version=agreed["version"])


def _find_closing_note(invoice: Invoice) -> str:
    if invoice.corrects_id:
        return "self_undone" if invoice.series else "undone"
    if invoice.series:
        return "paid_out" if invoice.kind == Invoice.Kind.INVOICE else "taken_back"
    return "paid" if invoice.kind == Invoice.Kind.INVOICE else "given"


def _list_tax_notes(taxes: Sequence[dict[str, Any]], language: str) -> list[str]:
    notes = [(tax["note_zh"] if language == "zh-hans" else "") or tax["note"] for tax in taxes]
    if any(tax["reverse_charge"] for tax in taxes):
        notes.append(find_word(language, "reverse_charge"))
    return [note for note in notes if note]

"""Statements as files, made whole: no slow reader keeps a snapshot of the database open."""

from tempfile import SpooledTemporaryFile

from django.http import HttpResponse

from billing.models import Invoice
from billing.statements import csv_files, documents
from billing.statements.periods import Period
from billing.statements.profiles import LANGUAGES
from billing.statements.statement import open_statement
from billing.wallets import Wallet

MEMORY_MAX = 4 << 20
PDF = "application/pdf"
CSV = "text/csv; charset=utf-8"


def answer_statement_csv(*, wallet: Wallet, period: Period) -> HttpResponse:
    """Every movement of a period."""
    with SpooledTemporaryFile(max_size=MEMORY_MAX) as out:
        with open_statement(wallet=wallet, period=period) as statement:
            csv_files.write_csv(statement, out)
        out.seek(0)
        return _answer(out.read(), CSV, f"statement-{wallet.currency}-{period.name}.csv")


def answer_statement_pdf(*, wallet: Wallet, period: Period, language: str) -> HttpResponse:
    """
    A statement as it is printed.

    :raises billing.statements.rendering.NotRendered: if it could not be set
    """
    with (
        SpooledTemporaryFile(max_size=MEMORY_MAX) as out,
        open_statement(wallet=wallet, period=period) as statement,
    ):
        pdf = documents.render_statement(statement=statement, language=choose_language(language), out=out)
    return _answer(pdf, PDF, f"statement-{wallet.currency}-{period.name}.pdf")


def answer_invoice_pdf(*, invoice: Invoice, language: str = "") -> HttpResponse:
    """
    An invoice as it is printed, in its own language unless another is asked for.

    :raises billing.statements.rendering.NotRendered: if it could not be set
    """
    chosen = choose_language(language) if language else None
    pdf = documents.render_invoice(invoice=invoice, language=chosen)
    return _answer(pdf, PDF, f"{invoice.number}.pdf")


def choose_language(wanted: str) -> str:
    """One that documents are written in: English unless it is Chinese."""
    return LANGUAGES[1] if wanted.lower().startswith("zh") else LANGUAGES[0]


def _answer(body: bytes, kind: str, name: str) -> HttpResponse:
    answer = HttpResponse(body, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "private, no-store"
    return answer

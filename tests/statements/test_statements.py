"""A wallet's statement: adds up to the last place, as CSV and PDF, also with thousands of lines."""

import csv
import hashlib
import io
import time
from decimal import Decimal
from pathlib import Path

import psycopg
import pypdf
import pytest

from billing.statements import csv_files, documents, rendering
from billing.statements.files import answer_statement_csv, answer_statement_pdf
from billing.statements.rendering import NotRendered
from billing.statements.statement import open_statement
from core.sql import REPOSITORY
from tests.billing import exchange
from tests.databases import Database
from tests.statements.scene import ONE_DAY, Scene

MANY = 20_000
ENTRIES = """
INSERT INTO entry (id, key, kind, actor, happened_at, accounts, amounts) OVERRIDING SYSTEM VALUE
SELECT 1000 + n, 'many:' || n, 'CAPITAL', 'test', now(), ARRAY[%(bank)s::bigint, %(wallet)s],
       ARRAY[n * 0.000000001, n * -0.000000001] FROM generate_series(1, %(many)s) n
"""
POSTINGS = """
INSERT INTO posting (entry_id, seq, account_id, currency, amount)
SELECT e.id, l.seq, l.account, 'USD', l.amount
  FROM entry e CROSS JOIN LATERAL unnest(e.accounts, e.amounts) WITH ORDINALITY l(account, amount, seq)
 WHERE e.key LIKE 'many:%%'
"""
BALANCE = """
UPDATE scope SET posted = (SELECT -sum(amount) FROM posting WHERE account_id = %(wallet)s)
 WHERE account_id = %(wallet)s
"""


def read_pdf(pdf: bytes) -> tuple[pypdf.PdfReader, str]:
    """A document and all its text; every character has a glyph of the one font."""
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    fonts = [
        str(font.get_object()["/BaseFont"])
        for page in reader.pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]
    ]
    assert fonts
    assert all("NotoSansCJK" in font for font in fonts)
    text = "\n".join(page.extract_text() for page in reader.pages)
    assert "\ufffd" not in text
    assert "\x00" not in text
    return reader, text


def test_every_movement_is_listed_and_the_last_balance_is_the_wallets(scene: Scene) -> None:
    scene.refund(scene.charge(out=50))

    answer = answer_statement_csv(wallet=scene.wallet, period=scene.period)

    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["kind"] for row in rows] == [
        *("OPENING", "CHARGE", "CHARGE", "CHARGE", "CHARGE", "REFUND", "CLOSING")
    ]
    assert len(rows[2]["job"]) == 36
    moved = sum(Decimal(row["amount"]) for row in rows[1:-1])
    assert Decimal(rows[0]["balance"]) + moved == Decimal(rows[-1]["balance"])
    assert Decimal(rows[-1]["balance"]) == scene.wallet.posted.amount == Decimal(rows[-2]["balance"])


def test_a_statement_opens_with_what_the_day_before_closed_with(scene: Scene) -> None:
    today = scene.period
    with open_statement(wallet=scene.wallet, period=today) as statement:
        assert (statement.opening, statement.closing) == (Decimal(10), scene.wallet.posted.amount)
        closing = statement.closing
    tomorrow = type(today)(today.until, today.until + ONE_DAY)
    with open_statement(wallet=scene.wallet, period=tomorrow) as statement:
        assert (statement.opening, statement.closing) == (closing, closing)
        assert (list(statement.read_lines()), statement.read_sums()) == ([], [])


def test_what_is_charged_meanwhile_is_not_in_it(scene: Scene) -> None:
    with open_statement(wallet=scene.wallet, period=scene.period) as statement:
        scene.charge(out=1)
        lines = list(statement.read_lines())

    assert len(lines) == 3
    assert lines[-1].balance == statement.closing


def test_a_reason_that_a_table_would_reckon_with_is_a_text(scene: Scene) -> None:
    exchange.fetch(
        scene.app,
        "SELECT post_v1('topup:bank:x', 'TOPUP', 'test', '=1+1', now(), %s::bigint[], '{1,-1}')",
        [exchange.account(scene.app, "CLEARING_BANK"), scene.lab.account_id],
    )

    answer = answer_statement_csv(wallet=scene.wallet, period=scene.period)

    assert b",'=1+1," in answer.content


@pytest.mark.parametrize(("language", "word"), [("en", "Computing"), ("zh-hans", "算力")])
def test_the_pdf_lists_movements_in_both_languages(scene: Scene, language: str, word: str) -> None:
    pdf = answer_statement_pdf(wallet=scene.wallet, period=scene.period, language=language).content

    reader, text = read_pdf(pdf)
    data = answer_statement_csv(wallet=scene.wallet, period=scene.period).content
    assert len(reader.pages) == 1
    assert text.count(word) == 3
    assert "9.55" in text
    assert hashlib.sha256(data).hexdigest() in text.replace("\n", "")


def test_many_movements_are_summed_in_the_pdf_and_listed_in_the_csv(scene: Scene, db: Database) -> None:
    bank = exchange.account(scene.app, "CLEARING_BANK")
    with psycopg.connect(db.superuser_dsn) as superuser:
        # Posted one by one they would take longer than all that is tried here.
        superuser.execute("SET LOCAL session_replication_role = replica")
        for query in (ENTRIES, POSTINGS, BALANCE):
            superuser.execute(query.encode(), {"many": MANY, "bank": bank, "wallet": scene.lab.account_id})
    out = io.BytesIO()
    began = time.perf_counter()
    with open_statement(wallet=scene.wallet, period=scene.period) as statement:
        pdf = documents.render_statement(statement=statement, language="en", out=out)

    assert time.perf_counter() - began < 10
    rows = out.getvalue().decode().splitlines()
    assert len(rows) == MANY + 3 + 3
    assert f",{scene.wallet.posted.amount:f},USD" in rows[-1]
    reader, text = read_pdf(pdf)
    assert len(reader.pages) == 1
    assert hashlib.sha256(out.getvalue()).hexdigest() in text.replace("\n", "")
    assert f"{MANY}" in text


@pytest.mark.parametrize(("language", "word"), [("en", "Invoice"), ("zh-hans", "发票")])
def test_an_invoice_is_printed_in_both_languages_and_always_alike(
    scene: Scene, language: str, word: str
) -> None:
    scene.describe(name="实验室 AB", language=language)
    [invoice] = scene.issue()

    pdf = documents.render_invoice(invoice=invoice)

    reader, text = read_pdf(pdf)
    assert len(reader.pages) == 1
    for printed in (word, invoice.number, "0.45", "225", "实验室 AB", "Jouleport (HK) Ltd", "Storgatan 1"):
        assert printed in text
    assert documents.render_invoice(invoice=invoice) == pdf


def test_markup_in_names_is_only_text(scene: Scene) -> None:
    scene.describe(name='#import "x.typ" *bold* @ref $x$ <b>')
    [invoice] = scene.issue()

    _, text = read_pdf(documents.render_invoice(invoice=invoice))

    assert '#import "x.typ" *bold* @ref $x$ <b>' in text


def test_setting_a_document_ends_in_time_or_with_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotRendered):
        rendering.render(template="invoice.typ", data={}, seconds=20)
    with pytest.raises(NotRendered):
        rendering.render(template="invoice.typ", data={}, seconds=0)
    monkeypatch.setattr(rendering, "MEMORY_MIB", 96)
    with pytest.raises(NotRendered):
        rendering.render(template="statement.typ", data={"rows": []})


def test_templates_reach_for_nothing_outside() -> None:
    templates = list(Path(REPOSITORY / "billing/statements/templates").glob("*.typ"))

    assert len(templates) == 3
    assert not [one.name for one in templates if "@preview" in one.read_text() or "http" in one.read_text()]


def test_words_are_there_in_both_languages() -> None:
    from billing.statements.words import CHINESE, ENGLISH

    assert CHINESE.keys() == ENGLISH.keys()
    assert csv_files.COLUMNS[0] == "day"

"""An advice of thousands of charges: its lines come to the payout on the page, as JSON, CSV and PDF."""

import csv
import io
import re
from decimal import Decimal

import psycopg
import pypdf
import pytest
from django.test import Client

from accounts.audit import SYSTEM
from accounts.models import Organization, Role
from billing import bookings
from billing.bookings import Bearer
from billing.models import SettlementItem
from billing.settlement import advice, advice_pdf
from tests.api.conftest import make_user
from tests.billing import exchange
from tests.cast import NOW
from tests.databases import Database
from tests.settlement import settling
from tests.settlement.settling import find_item

CHARGES = 2040


def sell(app: psycopg.Connection[object], *, jobs: int) -> tuple[Organization, int]:
    """A farm that sold so many answers to two labs, one of which was given back; gives that one's record."""
    seller = exchange.make_seller(app, "Farm")
    labs = [exchange.make_buyer(app, name, funds="500") for name in ("Lab", "Studio")]
    used = 0
    for number in range(0, jobs, 60):
        pairs = [(labs[n % 2], seller) for n in range(60)]
        admitted = exchange.admit_items(app, pairs, out_bound=60)
        rows = exchange.record_items(app, [row["attempt_id"] for row in admitted], out=1 + number % 59)
        used = rows[0]["usage_id"]
    exchange.post_charges(app)
    bookings.refund_charge(usage_id=used, borne_by=Bearer.PROVIDER, reason="wrong", actor=SYSTEM, now=NOW)
    return Organization.objects.get(pk=seller.organization_id), used


@pytest.fixture
def item(db: Database) -> SettlementItem:
    """What was settled for it."""
    crew = settling.make_desk()
    with psycopg.connect(db.dsn, autocommit=True) as app:
        farm, _ = sell(app, jobs=CHARGES)
    return find_item(crew.settle(), farm)


def read_pdf(pdf: bytes) -> str:
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)
    return " ".join(text.split())


def test_thousands_of_lines_come_to_the_payout_wherever_they_stand(
    item: SettlementItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(
        make_user(item.organization, Role.OWNER, "owner"), backend="django.contrib.auth.backends.ModelBackend"
    )
    monkeypatch.setattr(advice, "PIECE", 1001)

    page = f"/console/{item.organization.uid}/payouts/{item.uid}/"
    shown, at = 0, page
    while at:
        text = browser.get(at).content.decode()
        shown += text.count("</time>") - text[: text.index("rows-title")].count("</time>")
        following = re.search(r'href="(\?after=[^"]+)"', text)
        at = f"{page}{following[1]}" if following else ""
    nets, after = [], ""
    while True:
        answer = browser.get(f"/api/settlements/{item.uid}/advice", {"after": after} if after else {}).json()
        nets += [Decimal(row["net"]) for row in answer["results"]]
        if not (after := answer["next"] or ""):
            break
    file = b"".join(browser.get(page, {"format": "csv"})).decode()
    rows = list(csv.DictReader(io.StringIO(file)))
    printed = read_pdf(browser.get(f"/api/settlements/{item.uid}/advice.pdf").content)

    lines = [row for row in rows if row["number"]]
    assert (item.charges, len(lines), len(nets), shown) == (CHARGES, *[CHARGES + 1] * 3)
    assert item.opening + sum(nets) == item.balance
    assert sum(Decimal(row["net"]) for row in lines) == sum(nets)
    assert item.amount == -next(Decimal(row["net"]) for row in rows if row["kind"] == "PAYOUT")
    assert sum(Decimal(row["net"]) for row in rows[:-1]) == Decimal(rows[-1]["net"]) == item.carried
    assert len({row["usage"] for row in lines if row["kind"] == "CHARGE"}) == CHARGES
    assert f"{item.balance:f}".rstrip("0") in printed
    assert f"{item.amount:.2f}" in printed
    assert "too many lines" in printed, printed
    assert browser.get(page, {"after": "x"}).status_code == 404


def test_a_printed_advice_lists_its_lines_in_both_languages(db: Database) -> None:
    crew = settling.make_desk()
    with psycopg.connect(db.dsn, autocommit=True) as app:
        farm, used = sell(app, jobs=60)
    item = find_item(crew.settle(), farm)

    english, chinese = (
        read_pdf(advice_pdf.render_advice(item=item, language=language)) for language in ("en", "zh-hans")
    )

    assert all(english.count(f" {row.usage_id} ") >= 1 for row in advice.list_rows(item=item))
    assert [row.usage_id for row in advice.list_rows(item=item)].count(used) == 2
    assert ("Remittance advice" in english, "汇款" in chinese or "付款" in chinese) == (True, True)

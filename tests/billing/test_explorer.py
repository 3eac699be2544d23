"""Operators follow an account's balance posting by posting, and close a period on pages."""

import hashlib
import io
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from django.test import Client, override_settings

from accounts.audit import Actor
from accounts.models import AuditEvent
from billing import approvals
from billing.closing import audit_pack
from billing.explorer import postings
from billing.models import AccountingPeriod, Approval, LedgerAccount
from config import secrets
from tests.api.conftest import make_operator
from tests.billing import exchange
from tests.billing.exchange import Buyer
from tests.signing_in import sign_in_operator

RIGHTS = (
    *("billing.view_ledgeraccount", "billing.view_approval", "billing.change_approval"),
    *("billing.view_accountingperiod", "billing.add_accountingperiod", "billing.view_entry"),
)


def test_every_posting_has_the_balance_after_it(app: psycopg.Connection[Any], lab: Buyer) -> None:
    for number in range(1, 6):
        exchange.top_up(app, lab, f"{number}.5")
    account = LedgerAccount.objects.get(pk=lab.account_id)

    first = postings.list_movements(account=account, limit=4)
    rest = postings.list_movements(account=account, before=(first[-1].entry_id, first[-1].seq))

    assert [row.balance for row in first + rest] == [
        Decimal(x) for x in ("27.5", "22", "17.5", "14", "11.5", "10")
    ]
    assert [row.amount for row in rest] == [Decimal("-1.5"), Decimal(-10)]


def sign_in(name: str) -> tuple[Client, Actor]:
    user = make_operator(*RIGHTS, name=name)
    return sign_in_operator(user), Actor.from_user(user)


def take_pack(ann: Client, period: AccountingPeriod) -> None:
    """Downloaded where a key is kept, signed by it, and noted."""
    page = f"/admin/billing/accountingperiod/{period.pk}/change/"
    pack = f"/admin/billing/accountingperiod/{period.pk}/audit-pack/"
    key = secrets.make_signing_key()
    with override_settings(AUDIT_KEY=""):
        assert "No key signs audit packs here" in ann.get(page).content.decode()
        assert "No key signs it here" in ann.post(pack, follow=True).content.decode()
    with override_settings(AUDIT_KEY=key):
        assert pack in ann.get(page).content.decode()
        assert ann.get(pack).status_code == 403
        taken = ann.post(pack)
        content = b"".join(taken)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        signature, manifest = archive.read("manifest.sig"), archive.read("manifest.json")
    audit_pack.read_key(key.encode()).public_key().verify(signature, manifest)
    event = AuditEvent.objects.get(action="period.audit_pack")
    assert event.details["sha256"] == hashlib.sha256(content).hexdigest() == taken["X-Content-SHA256"]


def test_a_period_is_prepared_approved_and_closed_on_pages(app: psycopg.Connection[Any], lab: Buyer) -> None:
    ann, _ = sign_in("ann")
    _, bob = sign_in("bob")
    page = "/admin/billing/accountingperiod/close/"
    day = "2026-06-01"

    refused = ann.post(page, {"ends_on": "tomorrow", "prepare": "1"}, follow=True)
    ann.post(page, {"ends_on": day, "prepare": "1"})
    too_early = ann.post(page, {"ends_on": day, "close": "1"}, follow=True)
    asked = Approval.objects.get()
    approvals.approve(approval=asked, sha256=asked.sha256, actor=bob, now=datetime.now(UTC))
    shown = ann.get(page)
    ann.post(page, {"ends_on": day, "close": "1"})

    assert "Name the last day" in refused.content.decode()
    assert "second person" in too_early.content.decode()
    assert f"Close the books up to {day}" in shown.content.decode()
    closed = AccountingPeriod.objects.get()
    assert str(closed.ends_on) == day
    take_pack(ann, closed)
    for address in ("?day=2026-06-01", f"?at={datetime.now(UTC) + timedelta(1):%Y-%m-%dT%H:%M:%S}", "?at=x"):
        assert (
            "10.000000000"
            in ann.get(f"/admin/billing/ledgeraccount/trial-balance/{address}").content.decode()
        )
    movements = ann.get(f"/admin/billing/ledgeraccount/{lab.account_id}/movements/").content.decode()
    assert "10.000000000" in movements

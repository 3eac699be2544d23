"""Operators walk from a charge to everything behind it and back, and edit nothing."""

import re
from decimal import Decimal

import psycopg
import pytest
from django.apps import apps
from django.test import Client

from accounts.models import AuditEvent, User
from billing.models import Charge, ChargeEntry, Entry, Hold, LedgerAccount, Scope
from billing.tasks import post_charges
from marketplace.models import Job
from tests.api.conftest import Farm, estate, now, store  # noqa: F401
from tests.api.running import run_job
from tests.databases import Database
from tests.market import small, stand  # noqa: F401
from tests.signing_in import sign_in_operator
from workers.models import Attempt

TABLES = {
    "billing": "currency ledgeraccount entry scope hold charge chargequarantine"
    " approval settlementbatch settlementitem payout"
    " invoice invoicetax billingprofile selfbillingagreement"
    " bankaccount bankfile bankstatement bankline"
    " reconciliationrun reconciliationline reconciliationnote bookingentity organizationentity",
    "workers": "node attempt receipt meterflag nodeevent",
}
PAGES = [f"/admin/{app}/{table}/" for app, tables in TABLES.items() for table in tables.split()]
# Operators say who sells and which taxes there are: nothing is posted by that alone.
WRITTEN = ["/admin/billing/sellerprofile/", "/admin/billing/taxrule/"]


@pytest.fixture
def operator() -> Client:
    """The browser of a signed-in operator."""
    return sign_in_operator(User.objects.create_superuser("operator@example.org", "a long password"))


@pytest.fixture
def charged(db: Database, estate: Farm) -> Farm:  # noqa: F811
    """The farm's job was run, charged and posted."""
    run_job(db, estate.job, estate, tokens_out=20)
    post_charges()
    return estate


def test_tables_made_by_sql_have_the_columns_their_models_name(db: Database) -> None:
    with db.connect() as connection:
        rows = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if field.column:
                assert (model._meta.db_table, field.column) in rows


def links(client: Client, address: str) -> set[str]:
    page = client.get(address, follow=True)
    assert page.status_code == 200, address
    return set(
        re.findall(
            r'href="(/admin/[^"]+/change/|/admin/workers/attempt/by-usage/\d+/)"', page.content.decode()
        )
    )


@pytest.mark.parametrize("page", PAGES + WRITTEN)
def test_every_table_is_listed_and_searched(charged: Farm, operator: Client, page: str) -> None:
    assert operator.get(page).status_code == 200
    for term in ("1", "#1", "no such thing", str(charged.job.uid)):
        assert operator.get(page, {"q": term}).status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_added_changed_or_deleted(charged: Farm, operator: Client, page: str) -> None:
    assert operator.get(f"{page}add/").status_code == 403
    assert operator.post(f"{page}1/change/", {"amount": "0"}).status_code in (302, 403)
    assert operator.get(f"{page}1/delete/").status_code in (302, 403)


def test_the_way_leads_from_a_charge_to_everything_and_back(charged: Farm, operator: Client) -> None:
    charge = Charge.objects.get()
    entry = ChargeEntry.objects.get().entry_id
    attempt = Attempt.objects.get()
    charge_page = f"/admin/billing/charge/{charge.pk}/change/"
    entry_page = f"/admin/billing/entry/{entry}/change/"
    attempt_page = f"/admin/workers/attempt/{attempt.pk}/change/"
    job_page = f"/admin/marketplace/job/{charged.job.pk}/change/"
    hold_page = f"/admin/billing/hold/{charge.hold_id}/change/"
    usage_page = f"/admin/workers/attempt/by-usage/{charge.pk}/"

    assert {usage_page, entry_page, job_page} <= links(operator, charge_page)
    assert operator.get(usage_page).headers["Location"] == attempt_page
    card_page = f"/admin/marketplace/pricecard/{attempt.card_id}/change/"
    assert {charge_page, job_page, card_page} <= links(operator, attempt_page)
    accounts = {f"/admin/billing/ledgeraccount/{pk}/change/" for pk in account_ids(entry)}
    assert {charge_page, hold_page, *accounts} <= links(operator, entry_page)
    assert len(accounts) == 3
    assert charge_page in links(operator, hold_page)
    wallet = LedgerAccount.objects.get(purpose="WALLET")
    assert entry_page in links(operator, f"/admin/billing/ledgeraccount/{wallet.pk}/change/")


def account_ids(entry: int) -> set[int]:
    return set(Entry.objects.get(pk=entry).postings.values_list("account_id", flat=True))


@pytest.mark.parametrize(
    ("page", "term"),
    [
        ("/admin/billing/entry/", "topup:bank"),
        ("/admin/billing/ledgeraccount/", "Sun Farm"),
        ("/admin/billing/scope/", "Sun Farm"),
        ("/admin/workers/node/", "rack"),
    ],
)
def test_finds_rows_by_words(charged: Farm, operator: Client, page: str, term: str) -> None:
    found = operator.get(page, {"q": term}).content.decode()

    assert "/change/" in found
    assert (
        "/change/" not in operator.get(page, {"q": "nothing of the kind"}).content.decode().split("<main")[-1]
    )


def test_finds_an_attempt_by_its_job_and_a_hold_by_its_source(charged: Farm, operator: Client) -> None:
    attempt, hold = Attempt.objects.get(), Hold.objects.get()

    assert (
        f"attempt/{attempt.pk}/change"
        in operator.get("/admin/workers/attempt/", {"q": str(charged.job.uid)}).content.decode()
    )
    assert (
        f"hold/{hold.pk}/change"
        in operator.get("/admin/billing/hold/", {"q": str(charged.job.pk)}).content.decode()
    )


def test_the_trial_balance_balances(charged: Farm, operator: Client) -> None:
    page = operator.get("/admin/billing/ledgeraccount/trial-balance/").content.decode()

    assert "USD</strong>: balances" in page
    assert "DOES NOT BALANCE" not in page
    assert page.count("10.000000000") >= 2
    assert Scope.objects.get(kind=1).posted < Decimal(10)


def test_a_charge_in_quarantine_is_queued_again_under_the_operators_name(
    db: Database,
    estate: Farm,  # noqa: F811
    operator: Client,
) -> None:
    run_job(db, estate.job, estate, tokens_out=20)
    charge = Charge.objects.get()
    with psycopg.connect(db.superuser_dsn, autocommit=True) as connection:
        connection.execute("SELECT quarantine_charge_v1(%s, 'a fault of ours')", [charge.pk])
    page = "/admin/billing/chargequarantine/"
    assert b"a fault of ours" in operator.get(page).content

    operator.post(page, {"action": "requeue", "_selected_action": [charge.pk]})
    post_charges()

    assert ChargeEntry.objects.filter(usage_id=charge.pk).exists()
    event = AuditEvent.objects.get(action="charge.requeue")
    assert event.actor_uid == User.objects.get(email="operator@example.org").uid
    assert event.details["usage_id"] == charge.pk


@pytest.mark.parametrize("page", [*PAGES, "/admin/billing/ledgeraccount/trial-balance/"])
def test_operators_only(charged: Farm, page: str) -> None:
    client = Client(SERVER_NAME="localhost")
    client.force_login(charged.owner)

    assert client.get(page).status_code == 302
    assert Job.objects.get(pk=charged.job.pk).state == "SUCCEEDED"

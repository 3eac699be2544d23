"""Wallets, statements and earnings add up."""

import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from billing.tasks import post_charges
from marketplace.models import Job, SiteEnergy
from tests.api.bodies import CHAT
from tests.api.conftest import Farm, sign_in, use_key
from tests.api.running import run_job
from tests.databases import Database


@pytest.fixture
def spent(db: Database, estate: Farm) -> list[str]:
    """Five jobs, run and posted; their uids."""
    client = use_key(estate.key.text)
    uids = [client.post("/api/jobs", {"request": CHAT}, format="json").json()["uid"] for _ in range(5)]
    for number, uid in enumerate(uids):
        run_job(db, Job.objects.get(uid=uid), estate, tokens_out=number + 1)
        post_charges()
    return uids


def test_a_wallet_says_what_is_held(estate: Farm) -> None:
    (wallet,) = sign_in(estate.owner).get("/api/wallets").json()["results"]

    assert (wallet["currency"], wallet["posted"]) == ("USD", "10")
    assert Decimal(wallet["held"]) > 0
    assert Decimal(wallet["available"]) == Decimal(wallet["posted"]) - Decimal(wallet["held"])


def test_the_rows_of_all_pages_add_up_to_the_balance(estate: Farm, spent: list[str]) -> None:
    client = sign_in(estate.owner)

    rows, address = [], "/api/wallets/USD/statement?page_size=2"
    while address:
        page = client.get(address).json()
        rows += page["results"]
        address = page["next"]

    assert sum(Decimal(row["amount"]) for row in rows) == Decimal(page["posted"]) < 10
    assert [row["job"] for row in rows] == [*reversed(spent), None]
    assert rows[-1]["kind"] == "TOPUP"
    assert len({row["id"] for row in rows}) == 6


def test_the_energy_of_all_lines_is_that_of_the_wallet(db: Database, estate: Farm, spent: list[str]) -> None:
    site = estate.stand.site
    SiteEnergy.objects.update_or_create(
        site=site,
        defaults={
            "line_loss": "0.05",
            "heat_reused": "0.4",
            "market_gco2_per_kwh": 12,
            "market_source": "a dam's contract",
            "updated_at": site.created_at,
        },
    )
    client = use_key(estate.key.text)
    uid = client.post("/api/jobs", {"request": CHAT}, format="json").json()["uid"]
    run_job(db, Job.objects.get(uid=uid), estate, tokens_out=3)
    post_charges()

    page = sign_in(estate.owner).get("/api/wallets/USD/statement").json()
    with db.connect() as connection:
        for _ in range(2):
            connection.execute("SELECT fold_spend_v1(1000)")
            connection.commit()
    folded = sign_in(estate.owner).get("/api/wallets/USD/statement").json()

    lines = [row["energy"] for row in page["results"] if row["energy"] is not None]
    newest = lines[0]
    assert len(lines) == len(spent) + 1
    assert page["energy"] == folded["energy"]
    for name, total in page["energy"].items():
        assert Decimal(total) == sum(Decimal(line[name] or 0) for line in lines)
    # Before the contract there is nothing to tell by it.
    assert (lines[1]["market_gco2e"], lines[1]["market_kwh"], lines[1]["heat_kwh"]) == (None, "0", "0")
    assert Decimal(newest["market_gco2e"]) == round(Decimal(newest["kwh"]) * 12, 9)
    assert Decimal(newest["heat_kwh"]) == Decimal(newest["kwh"]) * Decimal("0.4")
    [used] = [
        job["records"][0]
        for job in sign_in(estate.owner).get("/api/usage").json()["results"]
        if job["job"] == uid
    ]
    shared = newest.keys() - {"market_kwh"}
    assert {name: used[name] for name in shared} == {name: newest[name] for name in shared}
    shown = sign_in(estate.owner).get(f"/console/{estate.organization.uid}/wallet/USD/").content.decode()
    assert "Delivered as heat" in shown
    assert "market-based, of" in shown


@pytest.mark.parametrize("query", ["cursor=nonsense", "page_size=0", "page_size=201", "page_size=x"])
def test_refuses_pages_that_cannot_be(estate: Farm, query: str) -> None:
    assert sign_in(estate.owner).get(f"/api/wallets/USD/statement?{query}").status_code == 422


def test_there_is_no_statement_without_a_wallet(estate: Farm) -> None:
    answer = sign_in(estate.owner).get("/api/wallets/CNY/statement")

    assert (answer.status_code, answer.json()["code"]) == (404, "no_wallet")


def test_a_provider_sees_what_is_owed(db: Database, estate: Farm, spent: list[str]) -> None:
    (earning,) = sign_in(estate.owner).get("/api/earnings").json()["results"]

    with db.connect() as connection:
        row = connection.execute("SELECT sum(amount - fee + overrun) FROM charge").fetchone()
    assert row is not None
    assert (earning["currency"], Decimal(earning["payable"])) == ("USD", row[0])


def test_a_key_spends_up_to_its_limit(estate: Farm) -> None:
    client = sign_in(estate.owner)
    made = client.post(
        "/api/keys", {"name": "small", "limit": {"amount": "0.000000002", "currency": "USD"}}, format="json"
    ).json()
    assert made["limit"] == {
        "uid": made["limit"]["uid"],
        "period": "LIFETIME",
        "amount": "0.000000002",
        "spent": "0",
        "held": "0",
        "available": "0.000000002",
        "currency": "USD",
        "starts_at": None,
        "resets_at": None,
    }
    assert made["limits"] == [made["limit"]]

    refused = use_key(made["secret"]).post("/api/jobs", {"request": CHAT}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (402, "key_limit_exceeded")

    raised = client.put(f"/api/keys/{made['uid']}/limit", {"amount": "1", "currency": "USD"}, format="json")
    assert raised.status_code == 200
    assert use_key(made["secret"]).post("/api/jobs", {"request": CHAT}, format="json").status_code == 202
    assert Decimal(client.get("/api/keys").json()["results"][0]["limit"]["held"]) > 0


@pytest.mark.parametrize(
    ("limit", "status", "code"),
    [
        ({"amount": 5, "currency": "USD"}, 400, "invalid"),
        ({"amount": "-5", "currency": "USD"}, 400, "invalid"),
        ({"amount": "1e3", "currency": "USD"}, 400, "invalid"),
        ({"amount": "0.0000000001", "currency": "USD"}, 400, "invalid"),
        ({"amount": "5", "currency": "XYZ"}, 422, "invalid_limit"),
        ({"amount": "5"}, 400, "invalid"),
    ],
)
def test_refuses_limits_that_are_none(estate: Farm, limit: Any, status: int, code: str) -> None:
    answer = sign_in(estate.owner).put(f"/api/keys/{estate.key.key.uid}/limit", limit, format="json")

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content


def test_a_job_shows_its_cost_as_a_literal_and_a_string(estate: Farm, spent: list[str]) -> None:
    content = sign_in(estate.owner).get(f"/api/jobs/{spent[0]}").content

    job = json.loads(content, parse_float=str)
    assert job["usage"]["cost"] == job["usage"]["cost_amount"]
    assert (job["usage"]["completion_tokens"], job["usage"]["currency"]) == (1, "USD")
    assert UUID(job["usage"]["job_id"]) == UUID(spent[0])
    # Nothing was kept in the store: this job was run by hand.
    assert job["answer"] is None


def test_cancels_a_job_and_frees_its_money(db: Database, estate: Farm) -> None:
    client = sign_in(estate.owner)

    answer = client.post(f"/api/jobs/{estate.job.uid}/cancel")

    assert answer.json()["state"] == "CANCELLED"
    assert client.get("/api/wallets").json()["results"][0]["held"] == "0"
    with psycopg.connect(db.dsn) as connection:
        assert connection.execute("SELECT state FROM hold").fetchall() == [("CLOSED",)]

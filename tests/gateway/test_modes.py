"""Test keys reach simulated models for test money, other keys real ones for money; neither sees both."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import openai
import psycopg
import pytest
from cryptography.fernet import Fernet
from django.db import connection

from accounts.models import ApiKey, Organization
from gateway.app import Gateway
from tests.billing import exchange
from tests.gateway.conftest import Market, make_key, reload_book
from workers import jobs
from workers.blobs import FolderStore

ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "Are you real?"}], "max_tokens": 5}


@pytest.fixture
async def trial(market: Market, gateway: Gateway, url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    """The SDK with a test key; the model `simulated-small` is on offer for test money."""
    connection = market.connection
    market.sellers["trial"] = exchange.make_seller(
        connection, "Trial Farm", currency="XTS", simulated=True, slug="simulated-small"
    )
    market.name_upstream("trial", "simulated-small")
    market.connect("cheap", "dear", "trial")
    test = exchange.open_wallet(connection, market.buyer.organization_id, "XTS")
    source = exchange.fetch_value(connection, "SELECT account_v1('TEST_MONEY', NULL, 'XTS')")
    exchange.post(connection, [source, test.account_id], [Decimal(1000), Decimal(-1000)])
    _, token = make_key(connection, market.buyer.organization_id, test=True)
    await reload_book(gateway)
    async with openai.AsyncOpenAI(base_url=url + "/v1", api_key=token, max_retries=0) as client:
        yield client


def read_wallets(market: Market) -> dict[str, tuple[Any, Any]]:
    rows = exchange.fetch(market.connection, "SELECT currency, posted, held FROM scope WHERE kind = 1")
    return {row["currency"]: (row["posted"], row["held"]) for row in rows}


def post_charges(connection: psycopg.Connection[Any]) -> None:
    while exchange.post_charges(connection):
        pass


async def test_a_test_key_gets_a_simulated_answer_for_test_money(
    trial: openai.AsyncOpenAI, market: Market
) -> None:
    answer = await trial.chat.completions.create(model="simulated-small", **ASKED)

    assert answer.choices[0].message.content
    usage = answer.usage.model_dump() if answer.usage else {}
    assert (usage["currency"], answer.model) == ("XTS", "simulated-small")
    post_charges(market.connection)
    wallets = read_wallets(market)
    assert wallets["USD"] == (10, 0)
    assert 0 < 1000 - wallets["XTS"][0] < 1


async def test_a_test_key_streams(trial: openai.AsyncOpenAI, market: Market) -> None:
    stream = await trial.chat.completions.create(model="simulated-small", stream=True, **ASKED)

    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    assert text
    assert read_wallets(market)["USD"] == (10, 0)


async def test_a_trial_takes_no_idempotency_key_from_the_real_one(
    trial: openai.AsyncOpenAI, buyer: openai.AsyncOpenAI, market: Market
) -> None:
    once = {"idempotency-key": "k" * 255}

    first = await trial.chat.completions.create(model="simulated-small", extra_headers=once, **ASKED)
    real = await buyer.chat.completions.create(model="small", extra_headers=once, **ASKED)

    assert first.id != real.id
    for client, model in ((trial, "simulated-small"), (buyer, "small")):
        with pytest.raises(openai.ConflictError) as refused:
            await client.chat.completions.create(model=model, extra_headers=once, **ASKED)
        assert refused.value.code == "duplicate_request"
    assert len(market.read_usage()) == 2


async def test_one_idempotency_key_starts_nothing_at_the_other_door(
    http: httpx.AsyncClient, market: Market, tmp_path: Path
) -> None:
    body = msgspec.json.encode({"model": "small", **ASKED})
    store = FolderStore(tmp_path, keys=[Fernet.generate_key().decode()])

    def submit(key: str) -> jobs.Submission:
        with contextlib.closing(connection):
            return jobs.submit_job(
                organization=Organization.objects.get(pk=market.buyer.organization_id),
                api_key=ApiKey.objects.get(pk=market.key_id),
                body=body,
                now=datetime.now(UTC),
                store=store,
                idempotency_key=key,
            )

    async def ask(key: str) -> httpx.Response:
        return await http.post("/v1/chat/completions", content=body, headers={"idempotency-key": key})

    assert (await ask("now")).status_code == 200
    with pytest.raises(jobs.IdempotencyKeyReused):
        await asyncio.to_thread(submit, "now")
    queued = await asyncio.to_thread(submit, "later")
    error = (await ask("later")).json()["error"]

    assert (error["code"], error["job_id"]) == ("idempotency_key_reused", str(queued.uid))
    assert [state for state, _ in market.read_jobs()] == ["SUCCEEDED", "QUEUED"]


async def test_a_test_key_does_not_reach_a_real_model(trial: openai.AsyncOpenAI, market: Market) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        await trial.chat.completions.create(model="small", **ASKED)

    assert refused.value.code == "model_not_found"
    assert "test keys" in refused.value.message
    market.assert_nothing_happened()


async def test_another_key_does_not_reach_a_simulated_model(
    trial: openai.AsyncOpenAI, buyer: openai.AsyncOpenAI, market: Market
) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        await buyer.chat.completions.create(model="simulated-small", **ASKED)

    assert refused.value.code == "model_not_found"
    market.assert_nothing_happened()
    assert (await buyer.chat.completions.create(model="small", **ASKED)).model == "small"


async def test_each_key_lists_its_own_models(trial: openai.AsyncOpenAI, buyer: openai.AsyncOpenAI) -> None:
    for _ in range(2):
        assert [model.id async for model in trial.models.list()] == ["simulated-small"]
        assert [model.id async for model in buyer.models.list()] == ["small"]
    with pytest.raises(openai.NotFoundError):
        await buyer.models.retrieve("simulated-small")


async def test_a_test_key_without_test_money_is_told_where_it_is(market: Market, url: str) -> None:
    _, token = make_key(market.connection, market.buyer.organization_id, test=True)
    async with httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {token}"}) as http:
        answer = await http.post("/v1/chat/completions", json={"model": "small", **ASKED})

    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "no_wallet")
    assert "/api/test-money" in answer.json()["error"]["message"]
    market.assert_nothing_happened()


@pytest.mark.parametrize(("kind", "status"), [("key", 402), ("member", 403), ("project", 403)])
async def test_a_limit_that_refuses_is_named_with_its_amounts(
    http: httpx.AsyncClient, market: Market, kind: str, status: int
) -> None:
    connection, organization = market.connection, market.buyer.organization_id
    subject = market.key_id
    if kind == "member":
        subject = exchange.make_person(connection, "ann@example.org")
        connection.execute(
            "UPDATE accounts_apikey SET created_by_id = %s WHERE id = %s", [subject, market.key_id]
        )
    elif kind == "project":
        subject = exchange.make_project(connection, organization, "night")
        connection.execute(
            "UPDATE accounts_apikey SET project_id = %s WHERE id = %s", [subject, market.key_id]
        )
    number = {"project": 2, "member": 3, "key": 4}[kind]
    exchange.set_limit(connection, market.buyer, "0.001", kind=number, subject=subject, period="WEEKLY")

    answer = await http.post("/v1/chat/completions", json={"model": "small", **ASKED})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, f"{kind}_limit_exceeded")
    assert answer.headers["x-should-retry"] == "false"
    scope = error["scope"]
    assert (scope["kind"], scope["period"], scope["limit"]) == (kind, "weekly", "0.001")
    assert (scope["available"], scope["currency"]) == ("0.001", "USD")
    assert scope["needed"] in error["message"]
    assert scope["resets_at"] in error["message"]
    market.assert_nothing_happened()

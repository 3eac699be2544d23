"""What a key reads of its money and of what is on offer, in OpenRouter's shapes."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import openai
import psycopg
import pytest

from core import ids
from gateway.app import Gateway
from gateway.spending import read_key
from tests.billing import exchange
from tests.gateway.conftest import Market, make_key, reload_book
from tests.gateway.test_faults import FINE

CHAT = "/v1/chat/completions"
COST = Decimal("0.0062")


def fold(market: Market) -> int:
    """Fold what is complete, in two calls: one may only mark it. Gives how much was folded."""
    query = "SELECT fold_spend_v1(1000)"
    return sum(int(exchange.fetch_value(market.connection, query)) for _ in range(2))


def set_limit(market: Market, period: str, ceiling: str, *, currency: str = "USD") -> None:
    """Limit what the market's key spends."""
    market.connection.execute(
        "SELECT set_limit_v1(%s, 4::smallint, %s, %s, %s, %s, %s)",
        [ids.make_uid(), market.buyer.organization_id, market.key_id, currency, period, Decimal(ceiling)],
    )


async def test_credits_add_up_before_and_after_posting_and_folding(
    http: httpx.AsyncClient, market: Market
) -> None:
    await http.post(CHAT, json=FINE)
    seen = [(await http.get("/v1/credits")).json()["data"]]
    exchange.post_charges(market.connection)
    seen.append((await http.get("/v1/credits")).json()["data"])
    assert fold(market) == 1
    await http.post(CHAT, json=FINE)
    seen.append((await http.get("/v1/credits")).json()["data"])

    [first, posted, folded] = seen
    wallet = {
        "currency": "USD",
        "total_credits": "10",
        "total_usage": "0.0062",
        "balance": "9.9938",
        "held": "0",
        "available": "9.9938",
    }
    assert first | {"wallets": []} == {
        "total_credits": 10,
        "total_usage": 0.0062,
        "currency": "USD",
        "wallets": [],
    }
    assert posted["wallets"] == [wallet]
    assert (first["wallets"][0]["balance"], folded["wallets"][0]["total_usage"]) == ("9.9938", "0.0124")


async def test_figures_of_money_are_decimal_literals(http: httpx.AsyncClient) -> None:
    await http.post(CHAT, json=FINE)

    assert b'"total_usage":0.0062,' in (await http.get("/v1/credits")).content
    assert b'"usage_daily":0.0062,' in (await http.get("/v1/key")).content


async def test_a_key_reads_its_own_spending_and_limits(http: httpx.AsyncClient, market: Market) -> None:
    set_limit(market, "DAILY", "5")
    set_limit(market, "MONTHLY", "6")
    _, other = make_key(market.connection, market.buyer.organization_id)
    await http.post(CHAT, json=FINE)
    mine = (await http.get("/v1/key")).json()["data"]
    theirs = (await http.get("/v1/key", headers={"authorization": f"Bearer {other}"})).json()["data"]

    assert (mine["label"], mine["currency"], mine["usage"], mine["usage_weekly"]) == (
        "laptop",
        "USD",
        0.0062,
        0.0062,
    )
    # What is charged and not posted yet is still held there.
    assert (mine["limit"], mine["limit_reset"], mine["expires_at"]) == (5, "daily", None)
    assert mine["limit_remaining"] <= Decimal("4.9938")
    assert [(one["of"], one["limit"], one["limit_reset"]) for one in mine["limits"]] == [
        ("key", "5", "daily"),
        ("key", "6", "monthly"),
    ]
    assert (theirs["limit"], theirs["limit_remaining"], theirs["usage"]) == (None, None, 0)
    exchange.post_charges(market.connection)
    settled = (await http.get("/v1/key")).json()["data"]
    assert settled["limit_remaining"] == 4.9938


async def test_weeks_begin_on_monday_and_days_end_in_utc(market: Market, gateway: Gateway) -> None:
    assert gateway.runtime is not None
    rows = [("2026-11-01", "1"), ("2026-11-15", "2"), ("2026-11-16", "4"), ("2026-11-22", "8")]
    with psycopg.connect(market.owner_dsn, autocommit=True) as owner:
        for day, amount in rows:
            owner.execute(
                "INSERT INTO spend_day VALUES (%s, %s, 'USD', %s, %s)",
                [market.buyer.organization_id, market.key_id, day, Decimal(amount)],
            )
    key = await gateway.runtime.keys.find(f"Bearer {market.token}".encode())
    # A Sunday, in the last minute of the day.
    now = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)
    body = await read_key(gateway.runtime.database.reading, key, now=now)

    assert b'"usage":15,"usage_daily":8,"usage_weekly":12,"usage_monthly":15' in body


async def test_folding_loses_nothing_of_a_transaction_that_commits_late(
    http: httpx.AsyncClient, market: Market
) -> None:
    """A charge whose number is lower than those folded meanwhile is waited for."""
    await http.post(CHAT, json=FINE)
    with psycopg.connect(market.owner_dsn) as late:
        # It took a number and has not committed.
        late.execute("SELECT pg_current_xact_id(), nextval('usage_id_seq')")
        await http.post(CHAT, json=FINE)
        assert [fold(market), fold(market)] == [0, 0]
        late.execute(
            "INSERT INTO charge (usage_id, hold_id, wallet_id, payable_id, currency, rated, amount, fee,"
            " closes_hold) SELECT currval('usage_id_seq'), hold_id, wallet_id, payable_id, currency, 1, 1, 0,"
            " false FROM charge ORDER BY usage_id LIMIT 1"
        )
        late.commit()
    assert fold(market) == 3

    spent = exchange.fetch_value(market.connection, "SELECT sum(amount) FROM spend_day")
    assert spent == 1 + 2 * COST


async def test_reads_need_a_key_and_only_get(http: httpx.AsyncClient) -> None:
    for path in ("/v1/credits", "/v1/key", "/v1/generation", "/v1/providers", "/v1/models/small/endpoints"):
        without = await http.get(path, headers={"authorization": ""})
        wrong = await http.post(path)
        assert (without.status_code, wrong.status_code) == (401, 405), path


async def test_lists_a_models_offers_and_their_providers(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    market.connect("dear")
    await reload_book(gateway)
    data = (await http.get("/v1/models/small/endpoints")).json()["data"]
    providers = (await http.get("/v1/providers")).json()["data"]
    missing = await http.get("/v1/models/nobody/large/endpoints")

    assert [(one["tag"], one["status"], one["pricing"]["prompt"]) for one in data["endpoints"]] == [
        ("cheap-farm", -2, "0.0001"),
        ("dear-farm", 0, "0.001"),
    ]
    assert (data["id"], data["endpoints"][0]["endpoints"]) == (
        "small",
        ["/v1/chat/completions", "/v1/completions"],
    )
    assert [(one["slug"], one["datacenters"]) for one in providers] == [
        ("cheap-farm", ["CN"]),
        ("dear-farm", ["CN"]),
    ]
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("path", ["/v1/credits", "/v1/key", "/v1/generation?id=gen-1"])
async def test_says_so_while_postgresql_is_away(http: httpx.AsyncClient, gateway: Gateway, path: str) -> None:
    assert gateway.runtime is not None
    await http.get("/v1/models")
    reading = gateway.runtime.database.reading
    for link in reading._all:
        link._url = "host=127.0.0.1 port=1 connect_timeout=1"
        await link.close()
    answer = await http.get(path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "temporarily_unavailable")


async def test_a_generation_has_its_final_figures(
    buyer: openai.AsyncOpenAI, http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    assert gateway.runtime is not None
    raw = await buyer.chat.completions.with_raw_response.create(
        model="small", messages=FINE["messages"], max_tokens=8
    )
    answer: Any = raw.parse()
    await gateway.runtime.notes.flush()
    named = [
        raw.headers["x-generation-id"],
        raw.headers["x-request-id"],
        raw.headers["x-jouleport-job"],
        answer.usage.job_id,
        answer.usage.receipt_id,
    ]
    read = [(await http.get("/v1/generation", params={"id": one})).json()["data"] for one in named]

    data = read[0]
    assert all(one == data for one in read)
    assert (data["id"], data["model"], data["provider_name"]) == (named[0], "small", "Cheap Farm")
    assert (data["streamed"], data["cancelled"], data["finish_reason"], data["state"]) == (
        False,
        False,
        "length",
        "succeeded",
    )
    assert data["tokens"] == {
        "ours": {"prompt": 14, "cached": 0, "completion": 8},
        "claim": {"prompt": 14, "cached": 0, "completion": 8},
        "billed": {"prompt": 14, "cached": 0, "completion": 8},
        "method": "claim",
    }
    assert (data["cost"], data["currency"], data["posted"]) == (answer.usage.cost_amount, "USD", False)
    assert data["energy"] == answer.usage.energy
    assert data["carbon"] == answer.usage.carbon
    assert 0 <= data["latency"] <= data["total_time"] < 20_000
    assert [(one["provider"], one["state"]) for one in data["provider_responses"]] == [
        ("Cheap Farm", "RECORDED")
    ]
    assert data["receipt"] is None


async def test_a_generation_is_found_by_the_id_its_buyer_chose(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    assert gateway.runtime is not None
    for _ in range(2):
        answer = await http.post(CHAT, json=FINE | {"stream": True}, headers={"x-request-id": "order-7"})
    await gateway.runtime.notes.flush()
    data = (await http.get("/v1/generation?id=order-7")).json()["data"]

    assert answer.headers["x-request-id"] == data["request_id"] == "order-7"
    assert (data["job_id"], data["streamed"]) == (answer.headers["x-jouleport-job"], True)
    assert (data["finish_reason"], data["native_finish_reason"]) == ("stop", "stop")


async def test_nobody_reads_anothers_generation(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    assert gateway.runtime is not None
    answer = await http.post(CHAT, json=FINE, headers={"x-request-id": "order-7"})
    receipt = answer.json()["usage"]["receipt_id"]
    await gateway.runtime.notes.flush()
    stranger = exchange.make_buyer(market.connection, "Stranger")
    _, token = make_key(market.connection, stranger.organization_id)
    for given in (
        answer.headers["x-generation-id"],
        receipt,
        "order-7",
        str(ids.make_uid()),
        "nothing",
        "\x00",
    ):
        read = await http.get(
            "/v1/generation", params={"id": given}, headers={"authorization": f"Bearer {token}"}
        )
        assert (read.status_code, read.json()["error"]["code"]) == (404, "generation_not_found")
    for query in ("", "?id=", "?id=a&id=b", "?id=" + "x" * 65):
        assert (await http.get("/v1/generation" + query)).status_code == 400


async def test_a_generation_shows_what_failed_and_what_was_cancelled(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    market.name_upstream("cheap", "simulated-small+drop")
    market.name_upstream("dear", "simulated-small+drop")
    await reload_book(gateway)
    failed = await http.post(CHAT, json=FINE, headers={"x-request-id": "failed"})
    market.name_upstream("cheap", "simulated-small+rate=20+tokens=200")
    await reload_book(gateway)
    async with http.stream(
        "POST", CHAT, json=FINE | {"stream": True}, headers={"x-request-id": "left"}
    ) as stream:
        async for _ in stream.aiter_bytes():
            break
    for _ in range(100):
        await asyncio.sleep(0.05)
        if market.read_usage():
            break
    assert gateway.runtime is not None
    await gateway.runtime.notes.flush()
    first = (await http.get("/v1/generation?id=failed")).json()["data"]
    second = (await http.get("/v1/generation?id=left")).json()["data"]

    assert failed.status_code == 502
    assert (first["state"], first["error"], first["cost"], first["energy"]) == (
        "failed",
        "upstream_broken",
        "0",
        None,
    )
    assert [one["state"] for one in first["provider_responses"]] == ["FENCED", "FAILED"]
    assert (second["cancelled"], second["ended_how"], second["finish_reason"]) == (True, "buyer_gone", None)
    assert second["tokens_completion"] >= 1

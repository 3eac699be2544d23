"""A gateway whose book is old, and a database that goes away between two attempts."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from gateway.app import Gateway
from gateway.database import DatabaseAway, DatabaseBusy
from tests.billing import exchange
from tests.databases import Database
from tests.gateway.conftest import Market, reload_book
from tests.gateway.test_faults import CHAT, FINE, break_upstream


@pytest.fixture
async def frozen(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A gateway that hears nothing new of the book; `refresh` still asks."""
    assert gateway.runtime is not None
    keeper = gateway.runtime.keeper
    load = keeper.load
    refreshed: list[float] = []

    async def stay() -> None:
        keeper._changed.clear()
        keeper.loaded_at = time.monotonic()

    async def refresh() -> None:
        refreshed.append(time.monotonic())
        await load()

    monkeypatch.setattr(keeper, "load", stay)
    monkeypatch.setattr(keeper, "refresh", refresh)
    gateway.refreshed = refreshed  # type: ignore[attr-defined]
    return gateway


def read_attempts(market: Market) -> list[dict[str, Any]]:
    return exchange.fetch(market.connection, "SELECT offer_id, state, error_code FROM attempt ORDER BY id")


async def test_an_offer_withdrawn_behind_its_back_goes_to_the_next(
    http: httpx.AsyncClient, market: Market, frozen: Gateway
) -> None:
    market.connection.execute(
        "UPDATE offer SET state = 'WITHDRAWN' WHERE id = %s", [market.sellers["cheap"].offer_id]
    )

    answers = await asyncio.gather(*(http.post(CHAT, json=FINE) for _ in range(4)))

    assert {answer.headers["x-jouleport-provider"] for answer in answers} == {"dear-farm"}
    # What was refused left nothing behind: one job, one attempt, one hold each.
    assert [row["offer_id"] for row in read_attempts(market)] == [market.sellers["dear"].offer_id] * 4
    assert len(market.read_usage()) == 4


async def test_a_price_that_changed_behind_its_back_is_read_anew(
    http: httpx.AsyncClient, market: Market, frozen: Gateway, db: Database
) -> None:
    [card] = exchange.fetch(
        market.connection, "SELECT * FROM price_card WHERE offer_id = %s", market.sellers["cheap"].offer_id
    )
    raise_price(market.connection, card)

    answer = await http.post(CHAT, json=FINE)

    # The cheap one is not the cheapest any more.
    assert (answer.status_code, answer.headers["x-jouleport-provider"]) == (200, "dear-farm")
    assert len(frozen.refreshed) == 1  # type: ignore[attr-defined]
    [job] = exchange.fetch(market.connection, "SELECT offer_id, card_id FROM job")
    assert job["offer_id"] == market.sellers["dear"].offer_id


def raise_price(connection: psycopg.Connection[Any], card: dict[str, Any]) -> None:
    """Publish the offer's next card, at a hundred times the price, from now on."""
    columns = [name for name in card if name not in ("id", "uid", "number", "starts_at", "created_at")]
    values = {name: card[name] for name in columns}
    for name in ("input_price", "cached_input_price", "output_price"):
        values[name] = card[name] * 100
    values["breakdown"] = Jsonb(card["breakdown"])
    names = ", ".join(columns)
    marks = ", ".join(f"%({name})s" for name in columns)
    connection.execute(
        f"INSERT INTO price_card (uid, number, created_at, starts_at, {names})"
        f" VALUES (gen_random_uuid(), 2, now(), greatest(now(), %(earliest)s), {marks})".encode(),
        values | {"earliest": card["starts_at"] + timedelta(microseconds=1)},
    )


async def test_the_second_choice_withdrawn_behind_its_back_is_passed_over(
    http: httpx.AsyncClient, market: Market, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.name_upstream("cheap", "simulated-small+drop")
    await reload_book(gateway)
    assert gateway.runtime is not None
    keeper = gateway.runtime.keeper

    async def stay() -> None:
        keeper._changed.clear()
        keeper.loaded_at = time.monotonic()

    monkeypatch.setattr(keeper, "load", stay)
    market.connection.execute(
        "UPDATE offer SET state = 'WITHDRAWN' WHERE id = %s", [market.sellers["dear"].offer_id]
    )

    answer = await http.post(CHAT, json=FINE)

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_broken")
    assert [row["state"] for row in read_attempts(market)] == ["FAILED"]
    market.assert_nothing_happened()


@pytest.mark.parametrize(
    "failure", [DatabaseAway("gone", sent=True), DatabaseBusy("locked")], ids=["away", "busy"]
)
async def test_a_database_away_between_two_attempts_is_said_to_be_away(
    http: httpx.AsyncClient,
    market: Market,
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
) -> None:
    await break_upstream(market, gateway, "drop")
    market.connect("cheap", "dear")
    await reload_book(gateway)
    assert gateway.runtime is not None

    async def fail(**_: Any) -> tuple[str, int | None]:
        raise failure

    monkeypatch.setattr(gateway.runtime.jobs._admissions, "reattempt", fail)

    answer = await http.post(CHAT, json=FINE)

    assert (answer.status_code, answer.headers["x-should-retry"]) == (503, "true")
    assert answer.json()["error"]["code"] == "temporarily_unavailable"
    assert market.read_jobs() == [("FAILED", "upstream_broken")]
    market.assert_nothing_happened()

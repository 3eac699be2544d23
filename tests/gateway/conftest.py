"""A gateway on a real port, with a real database and Redis, in front of the simulated upstream."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import openai
import psycopg
import pytest
import redis
import uvicorn

from accounts import tokens
from core import ids
from gateway.app import Gateway, create_app
from gateway.settings import Settings
from tests.billing import exchange
from tests.databases import Database
from workers.simulated import server
from workers.upstream.client import Timeouts

SECRET = b"known to every test"
QUICK = Timeouts(connect=1.0, head=0.7, idle=0.7, total=5.0)


@dataclass
class Market:
    """A buyer with ten dollars, a cheap and a dear seller of the model `small`, the simulated upstream."""

    connection: psycopg.Connection[Any]
    redis: redis.Redis
    upstream: server.Upstream
    upstream_url: str
    buyer: exchange.Buyer
    key_id: int
    token: str
    sellers: dict[str, exchange.Seller]
    owner_dsn: str = ""

    def name_upstream(self, seller: str, model: str) -> None:
        """Say by which name (and with which fault) a seller's node knows the model."""
        self.connection.execute(
            "UPDATE endpoint SET upstream_model = %s WHERE offer_id = %s",
            [model, self.sellers[seller].offer_id],
        )

    def connect(self, *sellers: str, slots: int = 64) -> None:
        """Write what a relay would write: these sellers' nodes are connected, and no others."""
        nodes = {}
        for seller in sellers:
            query = "SELECT uid FROM node WHERE id = %s"
            uid = exchange.fetch_value(self.connection, query, self.sellers[seller].node_id)
            nodes[str(uid)] = {"epoch": 1, "slots": slots, "busy": 0, "models": None, "tier": "declared"}
        self.redis.set("relay:test", msgspec.json.encode({"url": self.upstream_url, "nodes": nodes}))
        self.redis.publish("relays", "")

    def read_wallet(self) -> tuple[Any, Any]:
        """What is posted and what is held."""
        return exchange.read_scope(self.connection, self.buyer.wallet_id)

    def read_usage(self) -> list[dict[str, Any]]:
        """Every usage record with its charge."""
        query = "SELECT u.*, c.amount FROM usage_record u JOIN charge c ON c.usage_id = u.id ORDER BY u.id"
        return exchange.fetch(self.connection, query)

    def read_jobs(self) -> list[tuple[str, str | None]]:
        """State and error code of every job."""
        rows = exchange.fetch(self.connection, "SELECT state, error_code FROM job ORDER BY id")
        return [(row["state"], row["error_code"]) for row in rows]

    def assert_nothing_happened(self) -> None:
        """Nothing is held, nothing charged, nothing runs."""
        running = "SELECT count(*) FROM attempt WHERE state = 'RUNNING'"
        assert self.read_wallet()[1] == 0
        assert self.read_usage() == []
        assert exchange.fetch_value(self.connection, running) == 0


@pytest.fixture
def database(db: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the application's role, each statement a transaction."""
    with psycopg.connect(db.dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def market(database: psycopg.Connection[Any], db: Database, redis_url: str) -> AsyncIterator[Market]:
    """The market, with both sellers connected."""
    upstream = server.Upstream()
    listening = await server.serve(host="127.0.0.1", port=0, upstream=upstream)
    buyer = exchange.make_buyer(database, "Lab")
    key_id, token = make_key(database, buyer.organization_id)
    sellers = {
        "cheap": exchange.make_seller(database, "Cheap Farm", input_price="0.0001", output_price="0.0002"),
        "dear": exchange.make_seller(database, "Dear Farm", input_price="0.001", output_price="0.002"),
    }
    with redis.Redis.from_url(redis_url) as client:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        market = Market(database, client, upstream, url, buyer, key_id, token, sellers, db.owner_dsn)
        for seller in sellers:
            market.name_upstream(seller, "simulated-small")
        market.connect("cheap", "dear")
        yield market
    listening.close()


@asynccontextmanager
async def serve(gateway: Gateway) -> AsyncIterator[str]:
    """Serve an application with uvicorn on any free port; gives its address."""
    config = uvicorn.Config(
        gateway,
        port=0,
        loop="none",
        http="gateway.deadlines:Protocol",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
    )
    config.load()
    uvicorn_server = uvicorn.Server(config)
    uvicorn_server.lifespan = config.lifespan_class(config)
    await uvicorn_server.startup()
    assert not uvicorn_server.should_exit
    port = uvicorn_server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        uvicorn_server.should_exit = True
        await uvicorn_server.shutdown()
        await gateway.close()


@pytest.fixture
def settings(db: Database, redis_url: str) -> Settings:
    """The gateway's settings, with less patience than in production."""
    return Settings(
        database_url=db.dsn,
        redis_url=redis_url,
        ticket_secret=SECRET,
        log_requests=False,
        timeouts=QUICK,
        plain_timeouts=QUICK,
    )


@pytest.fixture
async def gateway(market: Market, settings: Settings) -> AsyncIterator[Gateway]:
    """The gateway, opened with both sellers in its book."""
    application = create_app(settings)
    async with serve(application) as url:
        application.url = url  # type: ignore[attr-defined]
        yield application


@pytest.fixture
def url(gateway: Gateway) -> str:
    """The gateway's address."""
    address: str = gateway.url  # type: ignore[attr-defined]
    return address


@pytest.fixture
async def buyer(market: Market, url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    """The unmodified SDK, pointed at the gateway; it asks once."""
    async with openai.AsyncOpenAI(base_url=url + "/v1", api_key=market.token, max_retries=0) as client:
        yield client


@pytest.fixture
async def http(market: Market, url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client that carries the buyer's key."""
    headers = {"authorization": f"Bearer {market.token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=20) as client:
        yield client


async def reload_book(gateway: Gateway) -> None:
    """Have the gateway see what was just changed in the database and Redis."""
    assert gateway.runtime is not None
    await gateway.runtime.keeper.load()
    await gateway.runtime.keeper.load_presence()


def make_key(
    connection: psycopg.Connection[Any], organization_id: int, *, test: bool = False
) -> tuple[int, str]:
    """A new key of an organization: its id, and its text."""
    token = tokens.make_token(tokens.TokenKind.TEST if test else tokens.TokenKind.LIVE)
    row = connection.execute(
        "INSERT INTO accounts_apikey (uid, organization_id, name, mode, digest, last4, created_at)"
        " VALUES (%s, %s, 'laptop', %s, %s, %s, now()) RETURNING id",
        [ids.make_uid(), organization_id, "TEST" if test else "LIVE", token.digest, token.last4],
    ).fetchone()
    assert row is not None
    key_id: int = row[0]
    return key_id, token.text

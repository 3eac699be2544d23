"""Leases, lost connections, a database that goes away: what was delivered is charged, and nothing hangs."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import psycopg

from core import ids
from gateway import admission
from gateway.admission import Admissions, Asked, Verdict
from gateway.app import Gateway, create_app
from gateway.database import Database as Links
from gateway.settings import Settings
from tests.billing import exchange
from tests.databases import Database
from tests.gateway.conftest import Market, make_key, reload_book, serve
from tests.gateway.test_faults import CHAT, FINE, break_upstream, read_events


def make_asked(market: Market, **changed: Any) -> Asked:
    seller = market.sellers["cheap"]
    asked = Asked(
        key_id=market.key_id,
        organization_id=market.buyer.organization_id,
        model_id=seller.model_id,
        offer_id=seller.offer_id,
        card_id=seller.card_id,
        node_id=seller.node_id,
        in_bound=10,
        out_bound=10,
        job_uid=ids.make_uid(),
        attempt_uid=ids.make_uid(),
        receipt_uid=ids.make_uid(),
        idempotency_key=None,
        body_hash=None,
        matched='{"note":"quotes \\" and backslashes \\\\"}',
    )
    return asked._replace(**changed)


async def test_renews_leases_and_writes_checkpoints(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    await break_upstream(market, gateway, "rate=40+tokens=200")
    query = "SELECT delivered_in, delivered_out, lease_until > now() + interval '8 s' AS fresh FROM attempt"
    checkpoint: dict[str, Any] = {}
    async with http.stream("POST", CHAT, json=FINE | {"stream": True}) as answer:
        async for _ in answer.aiter_bytes():
            [checkpoint] = exchange.fetch(market.connection, query)
            if checkpoint["delivered_out"]:
                break

    assert (checkpoint["delivered_in"], checkpoint["fresh"]) == (12, True)
    assert 10 <= checkpoint["delivered_out"] <= 80


async def test_a_stream_whose_attempt_was_fenced_stops(
    http: httpx.AsyncClient, market: Market, gateway: Gateway, db: Database
) -> None:
    await break_upstream(market, gateway, "rate=20+tokens=400")
    async with http.stream("POST", CHAT, json=FINE | {"stream": True, "max_tokens": 400}) as answer:
        text = ""
        async for part in answer.aiter_text():
            if not text:
                with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
                    exchange.expire_leases(owner)
                    exchange.sweep(owner)
            text += part

    assert read_events(text)[-1]["error"]["code"] == "lease_lost"
    assert market.upstream.running == 0
    assert market.read_jobs()[0][0] == "FAILED"
    market.connection.execute("SELECT post_charges_v1(5000)")
    assert market.read_wallet()[1] == 0


async def test_a_gateway_that_cannot_renew_stops_before_its_lease_ends(
    market: Market, settings: Settings
) -> None:
    application = create_app(replace(settings, lease_seconds=3.0, lease_margin_seconds=2.0))
    async with serve(application) as url:
        runtime = application.runtime
        assert runtime is not None
        await break_upstream(market, application, "rate=20+tokens=400")
        runtime.leases._link._url = "postgresql://nobody@127.0.0.1:9/x"
        await runtime.leases._link.close()
        headers = {"authorization": f"Bearer {market.token}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=10) as http:
            answer = await http.post(CHAT, json=FINE | {"stream": True, "max_tokens": 400})

    assert read_events(answer.text)[-1]["error"]["code"] == "lease_lost"
    assert market.read_usage()[0]["billed_out"] <= 50


async def test_while_the_database_is_away_nobody_is_admitted_and_a_stream_says_so(
    http: httpx.AsyncClient, market: Market, gateway: Gateway, db: Database
) -> None:
    await break_upstream(market, gateway, "rate=60")
    runtime = gateway.runtime
    assert runtime is not None
    links = runtime.database
    async with http.stream("POST", CHAT, json=FINE | {"stream": True}) as answer:
        text = ""
        async for part in answer.aiter_text():
            if not text:
                for link in (links.recording, links.admission, *links.changes._all):
                    link._url = "postgresql://nobody@127.0.0.1:9/x"
                    await link.close()
                refused = await http.post(CHAT, json=FINE)
            text += part

    assert read_events(text)[-1]["error"]["code"] == "not_recorded"
    assert (refused.status_code, refused.headers["x-should-retry"]) == (503, "true")
    assert market.read_usage() == []
    # The checkpoint is in PostgreSQL, so the sweeper can settle it.
    assert market.read_jobs() == [("RUNNING", None)]


async def test_a_connection_that_broke_is_opened_again(
    http: httpx.AsyncClient, market: Market, db: Database
) -> None:
    await http.post(CHAT, json=FINE)
    with psycopg.connect(db.superuser_dsn, autocommit=True) as administrator:
        administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND query ~ 'admit_v1|record_usage_v3|renew_v1'"
        )
    await asyncio.sleep(0.1)

    answers = [await http.post(CHAT, json=FINE) for _ in range(3)]

    # One may be refused, since its call's answer was lost; none may be lost in silence.
    assert [answer.status_code for answer in answers[1:]] == [200, 200]
    assert answers[0].status_code in (200, 503)
    market.connection.execute("SELECT post_charges_v1(5000)")
    assert market.read_wallet()[1] == 0


async def test_learns_what_became_of_an_admission_whose_answer_was_lost(market: Market, db: Database) -> None:
    links = Links(db.dsn)
    admissions = Admissions(links, seconds=2.0, orphan=lambda asked, verdict: None)
    committed, unknown = make_asked(market), make_asked(market)
    await links.admission.fetch(admission.QUERY, admission.write_columns([committed], wait=False))

    verdicts = await admissions._ask_outcome([committed, unknown])
    await links.close()

    assert [verdict.verdict for verdict in verdicts] == ["ok", "absent"]
    assert verdicts[0].attempt_id is not None
    stored = market.connection.execute("SELECT matched ->> 'note' FROM job").fetchone()
    assert stored == ('quotes " and backslashes \\',)


async def test_a_busy_wallet_waits_and_a_free_one_does_not(market: Market, db: Database) -> None:
    links = Links(db.dsn)
    found: list[Verdict] = []
    admissions = Admissions(links, seconds=1.0, orphan=lambda asked, verdict: found.append(verdict))
    other = exchange.make_buyer(market.connection, "Other")
    free = make_asked(market, organization_id=other.organization_id, key_id=other.key_id)
    with psycopg.connect(db.owner_dsn) as holder:
        holder.execute("SELECT 1 FROM scope WHERE id = %s FOR UPDATE", [market.buyer.wallet_id])
        busy = asyncio.create_task(admissions.admit(make_asked(market)))
        prompt = await asyncio.wait_for(admissions.admit(free), timeout=0.7)
        refused = await busy
        waiting = asyncio.create_task(admissions.admit(make_asked(market)))
        await asyncio.sleep(0.3)
    admitted = await waiting
    await links.close()

    assert (prompt.verdict, refused.verdict, admitted.verdict) == ("ok", "busy", "ok")
    assert found == []


async def test_exactly_as_many_are_admitted_as_the_wallet_covers(
    http: httpx.AsyncClient, market: Market
) -> None:
    # Every hold is the same: its input bound and 24 tokens out.
    body = FINE | {"max_tokens": 24}
    await http.post(CHAT, json=body)
    hold = exchange.fetch_value(market.connection, "SELECT amount FROM hold")
    poor = exchange.make_buyer(market.connection, "Poor", funds=str(hold * 7))
    _, token = make_key(market.connection, poor.organization_id)
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=http.base_url, headers=headers, timeout=30) as many:
        answers = await asyncio.gather(*(many.post(CHAT, json=body) for _ in range(60)))

    statuses = [answer.status_code for answer in answers]
    posted, held = exchange.read_scope(market.connection, poor.wallet_id)
    assert (statuses.count(200), statuses.count(402)) == (7, 53)
    assert (posted, held) == (hold * 7, hold * 7)


async def test_the_book_follows_prices_and_withdrawals(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    offer = market.sellers["cheap"].offer_id
    market.connection.execute("UPDATE offer SET state = 'WITHDRAWN' WHERE id = %s", [offer])
    # The gateway may not have heard of it yet: admission tells it, and the next offer is taken.
    first = await http.post(CHAT, json=FINE)
    await reload_book(gateway)
    second = await http.post(CHAT, json=FINE)

    providers = [answer.headers["x-jouleport-provider"] for answer in (first, second)]
    assert providers == ["dear-farm", "dear-farm"]

"""
Every door, streamed and whole, however the answer ends: none is free that was delivered, and none dear.

Elsewhere each address had a meter of its own, and one of them none: a streamed answer was priced at nothing,
what broke off was given away, a zero that was said was replaced by a guess.
"""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from gateway import doors
from gateway.app import Gateway
from tests.billing import exchange
from tests.gateway.conftest import Market, reload_book

ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "small", "messages": [{"role": "user", "content": "Why at noon?"}]},
    "/v1/completions": {"model": "small", "prompt": "Electricity is cheap at noon because", "max_tokens": 20},
    "/v1/embeddings": {"model": "small", "input": ["Electricity is cheap at noon.", "Wind at night"]},
}
WHOLE, LESS = (Decimal("0.5"), Decimal("1.1")), (Decimal("0.01"), Decimal("0.7"))
"""Parts of the price of a whole answer, from and to; none where nothing was delivered."""
EITHER_WAY = {
    "": (Decimal(1), Decimal(1)),
    "+no_usage": WHOLE,
    "+zero_usage": (Decimal(0), Decimal(0)),
    "+over_report+factor=100": WHOLE,
    "+garbage_body+after=0": None,
    "+drop": None,
}
STREAMED = {
    "+truncate+after=5": LESS,
    "+end_early+after=5": LESS,
    "+error_chunk+after=5": LESS,
    "+truncate+after=0": None,
    "+cumulative_usage": (Decimal(1), Decimal(1)),
}


def test_every_door_is_asked() -> None:
    assert set(ASKED) == {door.path for door in doors.ALL}


@pytest.mark.parametrize("path", ASKED)
async def test_what_was_delivered_is_charged_and_nothing_else(
    http: httpx.AsyncClient, market: Market, gateway: Gateway, path: str
) -> None:
    ids = [seller.offer_id for seller in market.sellers.values()]
    market.connection.execute(
        "UPDATE offer SET endpoints = '{chat,completions,embeddings}' WHERE id = ANY (%s)", [ids]
    )
    cases = [(fault, False, part) for fault, part in EITHER_WAY.items()]
    if doors.BY_PATH[path].chunk_object:
        cases += [(fault, True, part) for fault, part in (EITHER_WAY | STREAMED).items()]
    amounts: dict[tuple[str, bool], Decimal | None] = {}
    for fault, stream, _ in cases:
        before = len(market.read_usage())
        market.name_upstream("cheap", "simulated-small" + fault)
        market.connect("cheap")
        await reload_book(gateway)
        await http.post(path, json=ASKED[path] | ({"stream": True} if stream else {}))
        charged = [used["amount"] for used in market.read_usage()[before:]]
        amounts[fault, stream] = sum(charged) if charged else None

    whole = amounts["", False]
    assert whole
    for fault, stream, part in cases:
        amount = amounts[fault, stream]
        assert (amount is None) == (part is None), (fault, stream)
        if part is not None and amount is not None:
            assert part[0] <= amount / whole <= part[1], (fault, stream)
    exchange.post_charges(market.connection)
    assert market.read_wallet()[1] == 0

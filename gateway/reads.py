"""What a key may read of itself, its wallets, its answers, and of what is on offer."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs

from gateway import generations, models, spending
from gateway.database import DatabaseAway, DatabaseBusy
from gateway.errors import invalid, unavailable
from gateway.keys import Key
from gateway.runtime import Runtime

CREDITS = "/v1/credits"
KEY = "/v1/key"
GENERATION = "/v1/generation"
PROVIDERS = "/v1/providers"
PATHS = frozenset({CREDITS, KEY, GENERATION, PROVIDERS})
MODELS = "/v1/models/"
ENDPOINTS = "/endpoints"


def is_read(path: str) -> bool:
    """Whether something is read at this address."""
    return path in PATHS or (path.startswith(MODELS) and path.endswith(ENDPOINTS))


async def read(runtime: Runtime, key: Key, path: str, query: bytes) -> bytes:
    """
    The body of the answer.

    :raises ApiError: there is nothing, or it cannot be read at the moment
    """
    book = runtime.keeper.book.get_side(test=key.is_test)
    if path.startswith(MODELS):
        slug = path.removeprefix(MODELS).removesuffix(ENDPOINTS)
        return models.describe_endpoints(book, slug, models.Purse.from_key(key))
    if path == PROVIDERS:
        return models.list_providers(book)
    links = runtime.database.reading
    try:
        if path == CREDITS:
            return await spending.read_credits(links, key)
        if path == KEY:
            return await spending.read_key(links, key, now=datetime.now(UTC))
        return await generations.read_generation(links, key, _read_id(query))
    except (DatabaseAway, DatabaseBusy):
        raise unavailable("This cannot be read at the moment.") from None


def _read_id(query: bytes) -> str:
    given = parse_qs(query.decode("latin-1"), max_num_fields=20).get("id", [])
    if len(given) != 1 or not 0 < len(given[0]) <= generations.ID_LENGTH_MAX:
        raise invalid("Say which answer: /v1/generation?id=…", param="id")
    return given[0]

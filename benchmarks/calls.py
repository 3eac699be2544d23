"""The data plane's SQL calls, as a gateway makes them: arrays of 64."""

import uuid

import psycopg

from benchmarks.exchange import Exchange

CALL_SIZE = 64
IN_TOKENS, OUT_TOKENS = 100, 256

ADMIT = """
SELECT verdict, attempt_id FROM admit_v1(
    %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bigint[], %s::bigint[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::bytea[], %s::jsonb[], %s)
"""
RECORD = """
SELECT verdict, amount FROM record_usage_v3(
    %s::bigint[], %s::int[], %s::boolean[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bigint[], %s::bigint[], %s::bigint[], %s::text[],
    %s::numeric[], %s::numeric[], %s::text[], %s::text[], %s::text[], %s::text[])
"""


def admit(
    connection: psycopg.Connection, exchange: Exchange, buyer: tuple[int, int], size: int = CALL_SIZE
) -> list[int]:
    """Admit `size` jobs of one buyer; their attempts."""
    organization, key = buyer
    rows = connection.execute(
        ADMIT,
        (
            [key] * size,
            [organization] * size,
            [exchange.model] * size,
            [exchange.offer] * size,
            [exchange.card] * size,
            [exchange.node] * size,
            [IN_TOKENS] * size,
            [OUT_TOKENS] * size,
            [uuid.uuid4() for _ in range(size)],
            [uuid.uuid4() for _ in range(size)],
            [uuid.uuid4() for _ in range(size)],
            [None] * size,
            [bytes(32)] * size,
            [None] * size,
            True,
        ),
    ).fetchall()
    refused = [verdict for verdict, _ in rows if verdict != "ok"]
    if refused:
        raise RuntimeError(f"refused: {refused[0]}")
    return [attempt for _, attempt in rows]


def record(connection: psycopg.Connection, attempts: list[int]) -> None:
    """Record the usage of attempts, finally."""
    size = len(attempts)
    rows = connection.execute(
        RECORD,
        (
            attempts,
            [1] * size,
            [True] * size,
            [80] * size,
            [0] * size,
            [200] * size,
            [80] * size,
            [0] * size,
            [200] * size,
            ["claim"] * size,
            ["1.5"] * size,
            ["33.1"] * size,
            ["declared"] * size,
            ["apportioned"] * size,
            ["stop"] * size,
            ["SUCCEEDED"] * size,
        ),
    ).fetchall()
    lost = [verdict for verdict, _ in rows if verdict != "ok"]
    if lost:
        raise RuntimeError(f"not recorded: {lost[0]}")

"""
The proof that tasks are taken: beat sends one to every queue, and the worker that takes it writes a row.

A task worker can live, answer and hold its connections while it takes nothing; nothing but a task that ran
tells. Its row is read by `/readyz`, by the metrics, and by the supervisor, which starts again what is silent.
"""

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

QUEUES = ("billing", "workers", "default")
SECONDS = 10
# Five of them missed, and one late.
SILENT_SECONDS = 60.0
LIMITS: dict[str, int | str | None] = {
    "connect_timeout": 2,
    "options": "-c statement_timeout=2000 -c default_transaction_read_only=on",
}

BEAT = """
INSERT INTO heartbeat AS h (queue, worker, beaten_at) VALUES (%s, %s, now())
    ON CONFLICT (queue) DO UPDATE SET worker = EXCLUDED.worker, beaten_at = EXCLUDED.beaten_at
     WHERE h.beaten_at < EXCLUDED.beaten_at
"""
# By PostgreSQL's clock at both ends: whoever asks may have another.
AGES = "SELECT queue, extract(epoch FROM now() - beaten_at)::float8 FROM heartbeat WHERE queue = ANY (%s)"


def connect(url: str) -> psycopg.Connection:
    """
    A connection for looking, which gives up soon.

    :raises psycopg.Error: PostgreSQL does not answer
    """
    address = make_conninfo("", **(conninfo_to_dict(url) | LIMITS))
    return psycopg.connect(address, autocommit=True, prepare_threshold=None)


def read_ages(connection: psycopg.Connection) -> dict[str, float]:
    """Seconds since a task of each queue last ran; a queue of which none ever did is not there."""
    return dict(connection.execute(AGES, [list(QUEUES)]).fetchall())


def is_silent(url: str, *, seconds: float = SILENT_SECONDS) -> bool:
    """
    Whether tasks of some queue have not run for so long.

    What cannot be asked is not silent: starting workers again does not bring PostgreSQL back.
    """
    try:
        with connect(url) as connection:
            ages = read_ages(connection)
    except psycopg.Error:
        return False
    return any(ages.get(queue, float("inf")) > seconds for queue in QUEUES)

"""How a revocation reaches every process at once."""

from django.db import connection

CHANNEL = "jouleport_revoked"


def publish_revocation(digest: bytes | memoryview) -> None:
    """
    Tell all listeners on `jouleport_revoked` to forget the key or token with this digest (in hex).

    PostgreSQL sends it when the transaction commits, and not at all if it is rolled back.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, bytes(digest).hex()])

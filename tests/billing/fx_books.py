"""What is exchanged, as the application writes it."""

from typing import Any

import psycopg

from tests.billing import exchange

Connection = psycopg.Connection[Any]


def trade(app: Connection) -> None:
    """An organization with another entity than the first, and one that has no account yet."""
    exchange.make_organization(app, "Reef")
    isle = exchange.make_organization(app, "Isle")
    app.execute("INSERT INTO organization_entity VALUES (%s, 'HAINAN')", [isle])

"""What is exchanged, as the application writes it."""

from typing import Any

import psycopg

from tests.billing import exchange
from tests.billing.exchange import fetch_value

Connection = psycopg.Connection[Any]
YESTERDAY = "now() - interval '1 day'"
QUOTE = f"SELECT make_quote_v1(gen_random_uuid(), 'USD', 'CNH', %s, 50, 124, 120, {YESTERDAY})"


def trade(app: Connection) -> None:
    """
    An organization with another entity than the first, and one that has no account yet; a conversion of
    yesterday, told and revalued; a swap line that was drawn from.
    """
    exchange.make_organization(app, "Reef")
    isle = exchange.make_organization(app, "Isle")
    app.execute("INSERT INTO organization_entity VALUES (%s, 'HAINAN')", [isle])
    app.execute(
        "INSERT INTO fx_rate (source, unit, currency, rate, as_of, noted_at, noted_by)"
        " VALUES ('OPERATOR', 'USD', 'CNH', 7, now() - interval '2 days', now(), 'test')"
    )
    app.execute("INSERT INTO fx_spread VALUES ('USD', 'CNH', 40)")
    app.execute("INSERT INTO fx_limit VALUES ('CNH', 1000)")
    trader = exchange.make_buyer(app, "Trader", funds="100").organization_id
    for _ in range(2):
        fetch_value(app, QUOTE, None)
    fetch_value(
        app,
        f"SELECT convert_v1(gen_random_uuid(), %s, %s, 10, NULL, 'test', {YESTERDAY})",
        *(fetch_value(app, QUOTE, trader), trader),
    )
    # Another of the same organization that is not used.
    fetch_value(app, QUOTE, trader)
    fetch_value(app, "SELECT sequence_entries_v1()")
    fetch_value(app, "SELECT follow_positions_v1(5000)")
    fetch_value(app, "SELECT revalue_positions_v1((now() AT TIME ZONE 'UTC')::date - 1, now())")
    line = fetch_value(app, "SELECT open_swap_line_v1(gen_random_uuid(), 'Bank', 'CNH', 1000, now())")
    app.execute("SELECT move_swap_v1(%s, 300, 'D1', 'test', now())", [line])

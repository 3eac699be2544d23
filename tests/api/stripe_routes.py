"""Operations of money that comes in. No Stripe answers here; tests/stripe has what follows if one does."""

from tests.api.bodies import NOBODY
from tests.api.route import MONEY, MOVE, Route, listed, made, named

RULE = {"threshold": "20", "amount": "50", "day_most": "100", "month_most": "300"}
MONEY_IN = (
    listed("online-top-ups", "/api/top-ups", MONEY),
    made("online-top-ups", "/api/top-ups", MOVE, lambda _: {"amount": "20", "currency": "USD"}, status=503),
    named("GET", "online-top-up", lambda _: f"/api/top-ups/{NOBODY}", MONEY, status=404),
    named(
        "POST",
        "top-up-refunds",
        lambda _: f"/api/top-ups/{NOBODY}/refunds",
        MOVE,
        lambda _: {"amount": "5"},
        404,
    ),
    listed("top-up-terms", "/api/top-up-terms", MONEY),
    listed("recharges", "/api/recharges", MONEY),
    Route("PUT", "recharge", lambda _: "/api/recharges/USD", MOVE, 200, lambda _: RULE),
    Route("DELETE", "recharge", lambda _: "/api/recharges/CNY", MOVE, 404),
)

"""Operations of payout methods and of deposits on chain. No address is left; tests/rails has what follows."""

from tests.api.bodies import NOBODY
from tests.api.route import MONEY, MOVE, Route, listed, made, named

CHEQUE = {
    "rail": "manual",
    "currency": "USD",
    "country": "US",
    "details": {"name": "Lab", "instructions": "By cheque"},
}
RAILS = (
    listed("payout-methods", "/api/payout-methods", MONEY),
    made("payout-methods", "/api/payout-methods", MOVE, lambda _: CHEQUE),
    named("GET", "payout-method", lambda _: f"/api/payout-methods/{NOBODY}", MONEY, status=404),
    named("DELETE", "payout-method", lambda _: f"/api/payout-methods/{NOBODY}", MOVE, status=404),
    Route("PUT", "payout-order", lambda _: "/api/payout-methods/order", MOVE, 200, lambda _: {"methods": []}),
    listed("payout-rails", "/api/payout-rails?currency=EUR&country=DE", MONEY),
    listed("deposit-address", "/api/deposit-address", MONEY),
    Route("POST", "deposit-address", lambda _: "/api/deposit-address", MOVE, 503),
    listed("deposits", "/api/deposits", MONEY),
)

"""Operations of payout methods and of deposits on chain. No address is left; tests/rails has what follows."""

from tests.api.bodies import NOBODY
from tests.api.route import MONEY, MOVE, Route, listed, made, named, operated

FILES, SEEN, CHANGED = "/api/operator/payout-files", "billing.view_railfile", "billing.change_railfile"
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
    operated("GET", "payout-files", lambda _: FILES, SEEN),
    operated(
        "POST", "payout-files", lambda _: FILES, CHANGED, lambda _: {"rail": "manual", "currency": "USD"}, 409
    ),
    operated("GET", "payout-files-waiting", lambda _: f"{FILES}/waiting", SEEN),
    operated("GET", "payout-file", lambda _: f"{FILES}/{NOBODY}", SEEN, status=404),
    operated("GET", "payout-file-content", lambda _: f"{FILES}/{NOBODY}/content", CHANGED, status=404),
    operated("POST", "payout-file-hand-over", lambda _: f"{FILES}/{NOBODY}/hand-over", CHANGED, status=404),
    operated(
        "POST",
        "payout-file-void",
        lambda _: f"{FILES}/{NOBODY}/void",
        CHANGED,
        lambda _: {"note": "No."},
        404,
    ),
    operated(
        "POST",
        "payout-file-transaction",
        lambda _: f"{FILES}/{NOBODY}/transaction",
        CHANGED,
        lambda _: {"transaction": "0x" + "1" * 64},
        404,
    ),
    operated("POST", "payout-file-answers", lambda _: f"{FILES}/{NOBODY}/answers", CHANGED, status=404),
    operated("GET", "operated-deposits", lambda _: "/api/operator/deposits", "billing.view_chaindeposit"),
    operated(
        "POST",
        "deposit-assignment",
        lambda _: "/api/operator/deposits/9/assign",
        "billing.change_chaindeposit",
        lambda _: {"organization": NOBODY, "reason": "Theirs."},
        404,
    ),
)

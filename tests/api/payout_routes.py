"""Operations of what two people decide, and of what is paid out."""

from tests.api.bodies import NOBODY
from tests.api.route import MONEY, MOVE, Route, listed, named, operated

# Nothing waits for a second person; tests/billing/test_approvals.py has what follows if something does.
APPROVALS = (
    operated("GET", "approvals", lambda _: "/api/operator/approvals", "billing.view_approval"),
    operated(
        "GET", "approval", lambda _: f"/api/operator/approvals/{NOBODY}", "billing.view_approval", status=404
    ),
    operated(
        "POST",
        "approval-decision",
        lambda _: f"/api/operator/approvals/{NOBODY}/approve",
        "billing.change_approval",
        lambda _: {"sha256": "0" * 64},
        404,
    ),
    operated(
        "POST",
        "approval-refusal",
        lambda _: f"/api/operator/approvals/{NOBODY}/reject",
        "billing.change_approval",
        lambda _: {"note": "No."},
        404,
    ),
)
BATCHES, BATCH = "/api/operator/settlements", f"/api/operator/settlements/{NOBODY}"
SEEN, CHANGED = "billing.view_settlementbatch", "billing.change_settlementbatch"
# Nobody is owed anything; tests/settlement/test_rest.py has what follows if somebody is.
SETTLEMENTS = (
    listed("payouts", "/api/payouts", MONEY),
    named("GET", "payout", lambda _: f"/api/payouts/{NOBODY}", MONEY, None, 404),
    listed("payout-schedule", "/api/payout-schedule", MONEY),
    Route(
        "PUT", "payout-schedule", lambda _: "/api/payout-schedule", MOVE, 200, lambda _: {"every": "DAILY"}
    ),
    listed("settlements", "/api/settlements", MONEY),
    named("GET", "settlement", lambda _: f"/api/settlements/{NOBODY}", MONEY, None, 404),
    named("GET", "settlement-advice", lambda _: f"/api/settlements/{NOBODY}/advice", MONEY, None, 404),
    named(
        "GET", "settlement-advice-file", lambda _: f"/api/settlements/{NOBODY}/advice.csv", MONEY, None, 404
    ),
    named(
        "GET", "settlement-advice-pdf", lambda _: f"/api/settlements/{NOBODY}/advice.pdf", MONEY, None, 404
    ),
    operated("GET", "settlement-batches", lambda _: BATCHES, SEEN),
    operated("POST", "settlement-batches", lambda _: BATCHES, CHANGED, lambda _: {"currency": "USD"}, 422),
    operated("GET", "settlement-batch", lambda _: BATCH, SEEN, status=404),
    operated("GET", "settlement-items", lambda _: f"{BATCH}/items", SEEN, status=404),
    operated("POST", "settlement-submission", lambda _: f"{BATCH}/submit", CHANGED, status=404),
    operated(
        "POST",
        "settlement-decision",
        lambda _: f"{BATCH}/approve",
        "billing.change_approval",
        lambda _: {"sha256": "0" * 64},
        404,
    ),
    operated("POST", "settlement-void", lambda _: f"{BATCH}/void", CHANGED, lambda _: {"note": "No."}, 404),
    operated("POST", "settlement-execution", lambda _: f"{BATCH}/execute", CHANGED, status=404),
    operated("GET", "operated-payouts", lambda _: "/api/operator/payouts", "billing.view_payout"),
    operated(
        "POST",
        "payout-steps",
        lambda _: f"/api/operator/payouts/{NOBODY}/steps",
        "billing.change_payout",
        lambda _: {"state": "PAID", "reference": "E1"},
        404,
    ),
    operated("GET", "payout-terms", lambda _: "/api/operator/payout-terms/USD", "billing.view_payoutterm"),
    operated(
        "PUT",
        "payout-terms",
        lambda _: "/api/operator/payout-terms/USD",
        "billing.change_payoutterm",
        lambda _: {"minimum": "10", "fee": "0", "held_days": 14, "held_max": None},
    ),
)
PAYOUTS = APPROVALS + SETTLEMENTS

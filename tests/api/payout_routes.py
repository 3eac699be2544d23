"""Operations of what two people decide, and of what is paid out."""

from tests.api.bodies import NOBODY
from tests.api.route import operated

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
PAYOUTS = APPROVALS

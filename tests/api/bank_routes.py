"""Operations of banks and of reconciliation; tests/banking has what follows where there are statements."""

from tests.api.bodies import NOBODY
from tests.api.route import MONEY, Route, operated

LINE = {"target": "FEE", "reason": "It is one."}
ACCOUNT = {
    "currency": "EUR",
    "number": "DE89 3704 0044 0532 0130 00",
    "bank": "Bank",
    "holder": "Jouleport Ltd",
}
RUNS = "/api/operator/reconciliation"
BANKING = (
    Route("GET", "wallet-deposit", lambda _: "/api/wallets/USD/bank-transfer", MONEY, 404),
    operated("GET", "bank-accounts", lambda _: "/api/operator/bank-accounts", "billing.view_bankaccount"),
    operated(
        "POST",
        "bank-accounts",
        lambda _: "/api/operator/bank-accounts",
        "billing.add_bankaccount",
        lambda _: ACCOUNT,
        201,
    ),
    operated(
        "POST",
        "bank-account-closing",
        lambda _: f"/api/operator/bank-accounts/{NOBODY}/close",
        "billing.change_bankaccount",
        status=404,
    ),
    operated(
        "GET", "bank-statements", lambda _: "/api/operator/bank-statements", "billing.view_bankstatement"
    ),
    operated(
        "POST",
        "bank-statements",
        lambda _: "/api/operator/bank-statements",
        "billing.add_bankstatement",
        lambda _: {},
        415,
    ),
    operated("GET", "bank-lines", lambda _: "/api/operator/bank-lines", "billing.view_bankline"),
    operated(
        "POST",
        "bank-line-assignment",
        lambda _: f"/api/operator/bank-lines/{NOBODY}/assign",
        "billing.change_bankline",
        lambda _: LINE,
        404,
    ),
    operated("GET", "reconciliations", lambda _: RUNS, "billing.view_reconciliationrun"),
    operated("POST", "reconciliations", lambda _: RUNS, "billing.add_reconciliationrun", status=201),
    operated(
        "GET", "reconciliation", lambda _: f"{RUNS}/{NOBODY}", "billing.view_reconciliationrun", status=404
    ),
    operated(
        "POST",
        "reconciliation-explanation",
        lambda _: f"{RUNS}/lines/1/explain",
        "billing.add_reconciliationnote",
        lambda _: {"reason": "Known."},
        404,
    ),
)

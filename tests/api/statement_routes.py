"""Operations of statements and invoices; tests/statements has what follows where something was charged."""

from tests.api.bodies import NOBODY
from tests.api.route import MONEY, MOVE, Route, listed, named, operated

PROFILE = {"name": "Sun Farm AB", "address": "Storgatan 1", "country": "CN"}
STATEMENTS = (
    listed("statement", "/api/statements/USD", MONEY),
    listed("statement-csv", "/api/statements/USD/csv?month=2026-01", MONEY),
    listed("statement-pdf", "/api/statements/USD/pdf?language=zh-hans", MONEY),
    listed("invoices", "/api/invoices", MONEY),
    named("GET", "invoice", lambda _: f"/api/invoices/{NOBODY}", MONEY, None, 404),
    named("GET", "invoice-pdf", lambda _: f"/api/invoices/{NOBODY}/pdf", MONEY, None, 404),
    listed("billing-profile", "/api/billing-profile", MONEY),
    listed("self-billing", "/api/self-billing", MONEY),
    listed("self-bills", "/api/self-bills", MONEY),
    Route("PUT", "self-billing", lambda _: "/api/self-billing", MOVE, 422, lambda _: {"version": "0"}),
    Route("DELETE", "self-billing", lambda _: "/api/self-billing", MOVE, 409),
    Route("PUT", "billing-profile", lambda _: "/api/billing-profile", MOVE, 200, lambda _: PROFILE),
    operated("GET", "trade", lambda _: "/api/operator/trade?month=2026-01", "billing.view_ledgeraccount"),
    operated("GET", "operated-invoices", lambda _: "/api/operator/invoices", "billing.view_invoice"),
    operated(
        "POST",
        "operated-invoices",
        lambda _: "/api/operator/invoices",
        "billing.add_invoice",
        lambda _: {"organization": NOBODY, "currency": "USD", "until": "2026-01-01"},
        404,
    ),
    operated(
        "POST",
        "credit-notes",
        lambda _: f"/api/operator/invoices/{NOBODY}/credit",
        "billing.add_invoice",
        lambda _: {"reason": "wrong address"},
        404,
    ),
)

"""Operations of periods; tests/billing/test_closing.py has what follows where something was booked."""

from tests.api.route import operated

PERIODS = (
    operated("GET", "periods", lambda _: "/api/operator/periods", "billing.view_accountingperiod"),
    operated(
        "POST",
        "periods",
        lambda _: "/api/operator/periods",
        "billing.add_accountingperiod",
        lambda _: {"ends_on": "2001-01-01"},
        422,
    ),
    operated(
        "POST",
        "period-closing",
        lambda _: "/api/operator/periods/2001-01-01/close",
        "billing.add_accountingperiod",
        status=422,
    ),
)

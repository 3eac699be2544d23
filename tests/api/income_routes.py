"""Operations of earnings; tests/workers/test_income.py has what follows where something was sold."""

from tests.api.route import MONEY, listed

INCOME = (
    listed("earning-days", "/api/earnings/USD/days?month=2026-01", MONEY),
    listed("earning-sites", "/api/earnings/USD/sites", MONEY),
    listed("earning-jobs", "/api/earnings/USD/jobs", MONEY),
    listed("earning-file", "/api/earnings/USD/csv?by=days", MONEY),
)

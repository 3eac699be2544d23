"""The whole money side against a model in plain Python: shortly, or at length (`PROOF=long`)."""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests import databases
from tests.money.working import Money

LONG = os.environ.get("PROOF") == "long"
pytestmark = [pytest.mark.sql, pytest.mark.timeout(7200 if LONG else 240)]


def test_money_does_what_paper_says(desk: databases.Desk) -> None:
    class OnFreshBooks(Money):
        def __init__(self) -> None:
            self.lent = desk.lend()
            self.db = self.lent.__enter__()
            super().__init__()

        def teardown(self) -> None:
            try:
                super().teardown()
            finally:
                self.lent.__exit__(None, None, None)

    run_state_machine_as_test(
        OnFreshBooks,
        settings=settings(
            max_examples=300 if LONG else 8,
            stateful_step_count=60 if LONG else 40,
            deadline=None,
            derandomize=not LONG,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

"""An id from outside is kept only if it is harmless."""

import pytest
import structlog

from core import request_ids


@pytest.mark.parametrize("given", ["a", "0f3-Ab_.9", "x" * 64])
def test_a_well_formed_id_is_kept(given: str) -> None:
    assert request_ids.accept_request_id(given) == given


@pytest.mark.parametrize(
    "given", [None, "", "x" * 65, "two words", "new\nline", "ümlaut", "a;b", "trailing\n"]
)
def test_any_other_id_is_replaced(given: str | None) -> None:
    made = request_ids.accept_request_id(given)

    assert made != given
    assert request_ids.WELL_FORMED.fullmatch(made)


def test_the_current_id_is_the_one_bound_for_the_logs() -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        assert request_ids.current_request_id() == "r-1"


def test_outside_of_a_request_there_is_no_id() -> None:
    structlog.contextvars.clear_contextvars()

    assert request_ids.current_request_id() == ""

"""Refusals of admission that are about money: who ran out of it, with the amounts."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from gateway.errors import ApiError


class Funds(NamedTuple):
    """How a verdict is answered: 402 for the buyer's own money, 403 for what others allow the buyer."""

    status: int
    message: str


FUNDS = {
    "insufficient_funds": Funds(402, "The wallet does not cover what this may cost."),
    "key_limit_exceeded": Funds(402, "This key's spending limit does not cover this."),
    "member_limit_exceeded": Funds(
        403, "The spending limit of the member who made this key does not cover this."
    ),
    "project_limit_exceeded": Funds(403, "The spending limit of this key's project does not cover this."),
    "limit_in_other_currency": Funds(
        403, "What may be spent is limited in another currency only, so nothing may be spent in this one."
    ),
}
PERIODS = {"daily": "today", "weekly": "this week", "monthly": "this month", "lifetime": "in all"}


def refuse_funds(verdict: str, detail: str | None) -> ApiError:
    """
    The answer to a verdict of FUNDS. Asking again brings no money.

    :param detail: the scope that refused, as JSON (`explain_scope_v1`); it stands beside the message
    """
    status, message = FUNDS[verdict]
    scope: dict[str, Any] = msgspec.json.decode(detail) if detail else {}
    if scope:
        message = f"{message} {_tell_amounts(scope)}"
    return ApiError(status, verdict, message, retry=False, details={"scope": scope} if scope else None)


def refuse_no_wallet(*, test: bool) -> ApiError:
    """The answer to an organization that has nothing to pay from."""
    message = "This organization has no wallet yet."
    if test:
        message = "This organization has no test money yet: POST /api/test-money gives some."
    return ApiError(402, "no_wallet", message, retry=False)


def _tell_amounts(scope: dict[str, Any]) -> str:
    currency = scope["currency"]
    if "limit" not in scope:
        return f"Needed: {scope['needed']} {currency}; free: {scope['available']} {currency}."
    text = (
        f"Needed: {scope['needed']}; spent {PERIODS[scope['period']]}: {scope['spent']} {currency}, held: "
        f"{scope['held']}, of {scope['limit']} {currency}."
    )
    return f"{text} It resets at {scope['resets_at']}." if "resets_at" in scope else text

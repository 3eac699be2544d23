"""Refusals of jobs for want of money: in the wallet, or under somebody's spending limit."""

from typing import Any

import msgspec

from core.errors import DomainError


class Unpaid(DomainError):
    """The money that the job may cost cannot be set aside."""

    status = 402
    code = "insufficient_funds"
    message = "The wallet does not cover what this job may cost."


class KeyLimitExceeded(Unpaid):
    """The key's own limit is too low."""

    code = "key_limit_exceeded"
    message = "This key's spending limit does not cover what this job may cost."


class MemberLimitExceeded(Unpaid):
    """The limit of whoever made the key is too low."""

    status = 403
    code = "member_limit_exceeded"
    message = "The spending limit of the member who made this key does not cover what this job may cost."


class ProjectLimitExceeded(Unpaid):
    """The limit of the key's project is too low."""

    status = 403
    code = "project_limit_exceeded"
    message = "The spending limit of this key's project does not cover what this job may cost."


class LimitInOtherCurrency(Unpaid):
    """What is limited at all may be spent in the limit's currency only."""

    status = 403
    code = "limit_in_other_currency"
    message = "What may be spent is limited in another currency only, so nothing may be spent in this one."


class NoWallet(Unpaid):
    """There is nothing to pay from."""

    code = "no_wallet"
    message = "This organization has no wallet that can pay for this job."


REFUSALS: tuple[type[Unpaid], ...] = (
    Unpaid,
    KeyLimitExceeded,
    MemberLimitExceeded,
    ProjectLimitExceeded,
    LimitInOtherCurrency,
    NoWallet,
)


def read_scope(detail: str) -> dict[str, Any]:
    """What a refusal adds to the problem document: the scope that refused, with its amounts, if one did."""
    return {"scope": msgspec.json.decode(detail)} if detail.startswith("{") else {}

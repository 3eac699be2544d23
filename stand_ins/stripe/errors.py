"""Refusals in Stripe's shape."""

from typing import Any


class Refusal(Exception):
    """An error answer: its status, and `error` as the body has it."""

    def __init__(
        self, message: str, *, status: int = 400, kind: str = "invalid_request_error", **fields: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"type": kind, "message": message, **fields}


def missing(kind: str, identity: str, param: str = "id") -> Refusal:
    """Nothing has this id."""
    return Refusal(f"No such {kind}: '{identity}'", status=404, code="resource_missing", param=param)


def lacking(param: str) -> Refusal:
    """A parameter that is needed."""
    return Refusal(f"Missing required param: {param}.", code="parameter_missing", param=param)


def invalid(param: str, message: str, code: str = "parameter_invalid_empty") -> Refusal:
    """A parameter that cannot be used."""
    return Refusal(message, code=code, param=param)


def declined(message: str, *, code: str, decline_code: str | None = None, **fields: Any) -> Refusal:
    """What the bank of a card said."""
    if decline_code:
        fields["decline_code"] = decline_code
    return Refusal(message, status=402, kind="card_error", code=code, **fields)

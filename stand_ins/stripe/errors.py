"""Refusals in Stripe's shape."""

from typing import Any

DOCUMENTED = "https://stripe.com/docs/error-codes/"


class Refusal(Exception):
    """
    An error answer: its status, and `error` as the body has it.

    `is_repeated`: whether a repeat under the same key is told the same. What a look at the parameters refuses
    never began, so it is looked at anew. `is_kept`: whether what was done until then stays done.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        is_repeated: bool = True,
        **fields: Any,
    ) -> None:
        super().__init__(message)
        self.status, self.is_repeated = status, is_repeated
        self.is_kept = kind == "card_error"
        self.error = {"type": kind, "message": message, **fields}
        if fields.get("code"):
            self.error["doc_url"] = DOCUMENTED + str(fields["code"]).replace("_", "-")


def missing(kind: str, identity: str, param: str = "id", *, status: int = 404) -> Refusal:
    """Nothing has this id."""
    return Refusal(f"No such {kind}: '{identity}'", status=status, code="resource_missing", param=param)


def lacking(param: str) -> Refusal:
    """A parameter that is needed."""
    return Refusal(
        f"Missing required param: {param}.", is_repeated=False, code="parameter_missing", param=param
    )


def unknown(param: str) -> Refusal:
    """A parameter that nobody knows here."""
    return Refusal(
        f"Received unknown parameter: {param}", is_repeated=False, code="parameter_unknown", param=param
    )


def invalid(param: str, message: str, code: str = "parameter_invalid_empty") -> Refusal:
    """A parameter that cannot be used."""
    return Refusal(message, is_repeated=False, code=code, param=param)


def unfit(param: str, message: str) -> Refusal:
    """A parameter that cannot be used, for a reason that has no code."""
    return Refusal(message, is_repeated=False, param=param)


def declined(message: str, *, code: str, decline_code: str | None = None, **fields: Any) -> Refusal:
    """What the bank of a card said."""
    if decline_code:
        fields["decline_code"] = decline_code
    return Refusal(message, status=402, kind="card_error", code=code, **fields)

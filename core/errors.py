"""What the platform refuses: one base class, an HTTP status and a code that programs may rely on."""

from typing import Any


class DomainError(Exception):
    """
    A refusal that is expected and explained to the caller; anything else is a fault of ours.

    Subclasses stand beside the function that refuses and set `status` and `code`. The message is for
    people and holds no secret. `extra` is added to the problem document.
    """

    status: int = 409
    code: str = "conflict"
    message: str = ""

    def __init__(self, message: str = "", **extra: Any) -> None:
        self.message = message or type(self).message or self.code.replace("_", " ")
        self.extra = extra
        super().__init__(self.message)


class NotFound(DomainError):
    """There is no such thing, or it is somebody else's: the two answer alike."""

    status = 404
    code = "not_found"
    message = "There is nothing here, or nothing you may see."


class Forbidden(DomainError):
    """The caller is known but may not do this."""

    status = 403
    code = "forbidden"
    message = "Your role does not allow this."


class Unauthenticated(DomainError):
    """Nobody valid is asking."""

    status = 401
    code = "unauthenticated"
    message = "Sign in, or send a valid key as a bearer token."


class Invalid(DomainError):
    """What was sent is well-formed but wrong."""

    status = 422
    code = "invalid"

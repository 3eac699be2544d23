"""Errors in OpenAI's shape, with the headers by which its SDKs decide whether to ask again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout",
    409: "conflict_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
    502: "upstream_error",
    503: "service_unavailable",
    504: "upstream_timeout",
}


class ApiError(Exception):
    """
    A refusal or a failure as the buyer sees it.

    `retry` is written as `x-should-retry`: the SDKs repeat 408, 409, 429 and 5xx by themselves unless told
    not to. `retry_after` is in seconds. `details` stand beside the message in the error object.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        retry: bool | None = None,
        retry_after: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.retry = retry
        self.retry_after = retry_after
        self.details = details or {}

    def describe(self) -> dict[str, Any]:
        """The error object."""
        return {
            "message": self.message,
            "type": TYPES.get(self.status, "server_error"),
            "param": self.param,
            "code": self.code,
            **self.details,
        }

    def render(self) -> bytes:
        """The body of the answer."""
        return msgspec.json.encode({"error": self.describe()})

    def render_event(self, *, answer_id: str, kind: str, model: str, ending: Mapping[str, Any]) -> bytes:
        """The error inside a stream that has begun: one chunk, after which nothing comes."""
        chunk = {
            "id": answer_id,
            "object": kind,
            "created": 0,
            "model": model,
            "error": self.describe(),
            "choices": [ending],
        }
        return b"data: %s\n\n" % msgspec.json.encode(chunk)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Headers beyond the usual ones."""
        headers = []
        if self.retry is not None:
            headers.append((b"x-should-retry", b"true" if self.retry else b"false"))
        if self.retry_after is not None:
            headers.append((b"retry-after", b"%d" % self.retry_after))
        return headers


def invalid(message: str, *, param: str | None = None, code: str = "invalid_request") -> ApiError:
    """A request that is wrong in itself."""
    return ApiError(400, code, message, param=param, retry=False)


def unavailable(message: str, *, code: str = "temporarily_unavailable") -> ApiError:
    """Something of ours is away for a moment; nothing was started and nothing is held."""
    return ApiError(503, code, message, retry=True, retry_after=1)

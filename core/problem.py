"""Every refusal of the REST interface as a problem document (RFC 9457, `application/problem+json`)."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from core.errors import DomainError
from core.request_ids import current_request_id

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:jouleport:problem:"

logger = logging.getLogger(__name__)

# Codes of Django REST framework whose names say less than ours.
CODES = {
    "authentication_failed": "unauthenticated",
    "not_authenticated": "unauthenticated",
    "permission_denied": "forbidden",
    "parse_error": "malformed",
    "error": "internal",
    "throttled": "too_many_requests",
}


def make_problem(*, status: int, code: str, detail: str, **extra: Any) -> dict[str, Any]:
    """Body of a problem document; `extra` never overrides a member of its own."""
    return {
        **extra,
        "type": TYPE_PREFIX + code,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": current_request_id(),
    }


def handle_exception(exception: Exception, context: Mapping[str, Any]) -> Response:
    """
    Turn whatever a view raised into a problem document; REST framework's EXCEPTION_HANDLER.

    What nobody expected becomes a 500 that says nothing but the request's id, and a logged error.
    """
    headers: dict[str, str] = {}
    if isinstance(exception, Http404):
        exception = exceptions.NotFound()
    elif isinstance(exception, PermissionDenied):
        exception = exceptions.PermissionDenied()
    if isinstance(exception, DomainError):
        problem = make_problem(
            status=exception.status, code=exception.code, detail=exception.message, **exception.extra
        )
        if exception.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(exception, exceptions.APIException):
        problem = _describe(exception)
        headers = _make_headers(exception)
    else:
        logger.error("Unable to answer a request", exc_info=exception)
        problem = make_problem(
            status=500, code="internal", detail="This is our fault. Quote the request id when you report it."
        )
    set_rollback()
    return Response(problem, status=problem["status"], headers=headers, content_type=CONTENT_TYPE)


def _describe(exception: exceptions.APIException) -> dict[str, Any]:
    if isinstance(exception, exceptions.ValidationError):
        return make_problem(
            status=exception.status_code,
            code="invalid",
            detail="Some fields are missing or wrong.",
            errors=list_errors(exception.detail),
        )
    code = exception.get_codes()
    name = code if isinstance(code, str) else exception.default_code
    return make_problem(
        status=exception.status_code, code=CODES.get(name, name), detail=str(exception.detail)
    )


def _make_headers(exception: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if getattr(exception, "auth_header", None):
        headers["WWW-Authenticate"] = str(exception.auth_header)  # type: ignore[attr-defined]
    wait = getattr(exception, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(int(-(-wait // 1)))
    return headers


def list_errors(detail: Any, pointer: str = "") -> list[dict[str, str]]:
    """
    Flatten REST framework's nested errors to `{pointer, code, detail}`, pointers as in RFC 6901.

    What concerns the whole document has the pointer of the object that it is about.
    """
    if isinstance(detail, Mapping):
        found = []
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            found += list_errors(inner, pointer + step)
        return found
    if isinstance(detail, list):
        plain = all(isinstance(inner, exceptions.ErrorDetail) for inner in detail)
        return [
            error
            for index, inner in enumerate(detail)
            for error in list_errors(inner, pointer if plain else f"{pointer}/{index}")
        ]
    return [{"pointer": pointer, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}]


def _answer(status: int, code: str, detail: str) -> HttpResponse:
    body = make_problem(status=status, code=code, detail=detail)
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)


def answer_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's `handler404`, for addresses that lead nowhere."""
    return _answer(404, "not_found", "There is nothing at this address.")


def answer_server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`, for what failed outside of REST framework."""
    return _answer(500, "internal", "This is our fault. Quote the request id when you report it.")

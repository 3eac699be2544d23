"""
Pages for what went wrong, in the common look, made without a database.

Programs that ask under /api/ are answered with a problem document instead.
"""

import sys

import redis
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from core import problem
from core.request_ids import current_request_id

RETRY_AFTER_SECONDS = 5
# What the day is to blame for, and not the code.
UNREACHABLE = (OperationalError, InterfaceError, redis.ConnectionError, redis.TimeoutError)


def show_error(*, status: int, title: str, text: str) -> HttpResponse:
    """The page of an error."""
    context = {"status": status, "title": title, "text": text, "request_id": current_request_id()}
    return HttpResponse(render_to_string("core/error.html", context), status=status)


def show_bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's `handler400`."""
    text = _("The request is not one that this page understands.")
    return show_error(status=400, title=_("Not understood"), text=text)


def show_forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's `handler403`."""
    text = _("Your role does not allow this. Somebody who owns the organization can change that.")
    return show_error(status=403, title=_("Not allowed"), text=text)


def show_csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """What a form without its own token gets: mostly one that stood open for too long."""
    text = _("This form is no longer valid. Go back, load the page again and send it once more.")
    return show_error(status=403, title=_("Form expired"), text=text)


def show_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's `handler404`."""
    if request.path.startswith("/api/"):
        return problem.answer_not_found(request, exception)
    text = _("There is nothing here, or nothing you may see.")
    return show_error(status=404, title=_("Nothing here"), text=text)


def show_too_many(request: HttpRequest) -> HttpResponse:
    """allauth's `handler429`: too many attempts to sign in, sign up or reset."""
    answer = show_error(
        status=429, title=_("Too many attempts"), text=_("Wait a few minutes, then try again.")
    )
    answer.headers["Retry-After"] = "300"
    return answer


def show_server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`; when PostgreSQL or Redis cannot be reached, the page of a 503."""
    if request.path.startswith("/api/"):
        return problem.answer_server_error(request)
    if isinstance(sys.exception(), UNREACHABLE):
        text = _("A part of Jouleport cannot be reached. Nothing is lost; try again in a moment.")
        answer = show_error(status=503, title=_("Back in a moment"), text=text)
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return answer
    text = _("This is our fault. Quote the request's id when you report it.")
    return show_error(status=500, title=_("Something broke"), text=text)

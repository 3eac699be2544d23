"""
The language and the time zone in which a person sees pages.

Signed in: what the person chose. Otherwise, and for what they left open: the language of the cookie that the
switch sets, then the browser's; and UTC. The REST interface always speaks English and UTC.
"""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from accounts.models import User

NOT_PAGES = ("/api/", "/healthz", "/readyz", "/static/")


class Preferences:
    """Middleware, after the one that knows who is signed in."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(NOT_PAGES):
            return self.get_response(request)  # type: ignore[no-any-return]
        user = request.user if settings.SESSION_COOKIE_NAME in request.COOKIES else None
        language, zone = choose_language(request, user), choose_zone(user)
        with translation.override(language), timezone.override(zone):
            response: HttpResponse = self.get_response(request)
            response.headers.setdefault("Content-Language", language)
            response.headers["Vary"] = _add_vary(response.headers.get("Vary", ""))
            return response


def choose_language(request: HttpRequest, user: Any = None) -> str:
    """The code of the language for this request."""
    chosen = user.language if isinstance(user, User) else ""
    if chosen in dict(settings.LANGUAGES):
        return chosen
    return translation.get_language_from_request(request)


def choose_zone(user: Any = None) -> ZoneInfo:
    """The zone in which this person wants to see moments."""
    name = user.time_zone if isinstance(user, User) else ""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        # A zone may vanish from the database of zones after somebody chose it.
        return ZoneInfo("UTC")


def _add_vary(known: str) -> str:
    names = [name.strip() for name in known.split(",") if name.strip()]
    return ", ".join([*names, *sorted({"Accept-Language", "Cookie"} - set(names))])

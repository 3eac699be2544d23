"""
Who may see the operators' pages: staff whose session has shown a second factor.

A password alone never opens them: a session without a second factor is led to where it can show one, or to
where a person without one sets it up.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from unfold.sites import UnfoldAdminSite  # type: ignore[import-untyped]

from accounts import second_factors
from accounts.models import User
from core import error_pages

type View = Callable[..., HttpResponseBase]


def is_operator(request: HttpRequest) -> bool:
    """Whether this session may see the operators' pages."""
    user = request.user
    return (
        isinstance(user, User)
        and user.is_active
        and user.is_staff
        and second_factors.passed_second_factor(request)
    )


def show_way_in(request: HttpRequest, *, goal: str) -> HttpResponse:
    """
    Send somebody who is no operator yet to the page that is missing on the way to `goal`.

    Whoever is signed in and no staff is refused; that is everyday, and no fault to be logged as one.
    """
    user = request.user
    if not isinstance(user, User):
        page = resolve_url("account_login")
    elif not user.is_staff:
        text = _("This part is for those who run the exchange.")
        return error_pages.show_error(status=403, title=_("Not allowed"), text=text)
    else:
        challenge = second_factors.find_challenge(request) if second_factors.has_second_factor(user) else None
        if challenge is None:
            messages.warning(request, _("Operators need a second factor. Set one up, then come back."))
        page = challenge or resolve_url("mfa_index")
    return HttpResponseRedirect(f"{page}?{urlencode({'next': goal})}")


def operators_only(view: View) -> View:
    """Let only operators see a page."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not is_operator(request):
            return show_way_in(request, goal=request.get_full_path())
        return view(request, *args, **kwargs)

    return guarded


class OperatorSite(UnfoldAdminSite):  # type: ignore[misc]
    """The admin, for operators only."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff with a second factor shown in this session."""
        return is_operator(request)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The one door is that of all other pages; it asks for what this session lacks."""
        goal = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(goal, {request.get_host()}, request.is_secure()):
            goal = resolve_url("admin:index")
        if is_operator(request):
            return HttpResponseRedirect(goal)
        return show_way_in(request, goal=goal)

"""A looser content policy for pages whose scripts are not ours: the admin and the API reference."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override

type Policy = Mapping[str, Collection[str] | str]

PREFIXES = ("/admin/", "/api/docs/", "/api/reference/")


def foreign_scripts(policy: Policy) -> Policy:
    """The house policy, with what Alpine, Swagger UI and Redoc need: inline code, on our own origin only."""
    return {
        **policy,
        "script-src": [CSP.SELF, CSP.UNSAFE_INLINE, CSP.UNSAFE_EVAL],
        "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
        "worker-src": [CSP.SELF, "blob:"],
    }


class ForeignScripts:
    """Middleware: answer views under PREFIXES with the looser policy. Stands last, nearest to the view."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = self.get_response(request)
        return response

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponseBase],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        if not request.path.startswith(PREFIXES):
            return None
        return csp_override(foreign_scripts(settings.SECURE_CSP))(view)(request, *args, **kwargs)

"""What every page shows around its content."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import Organization, User


def describe(request: HttpRequest) -> dict[str, Any]:
    """Context of every template: languages, the reader's organizations."""
    return {
        "languages": settings.LANGUAGES,
        "mail_is_printed": settings.MAIL_URL == "console:",
        "my_organizations": SimpleLazyObject(lambda: list_organizations(request)),
    }


def list_organizations(request: HttpRequest) -> list[Organization]:
    """The organizations whoever reads belongs to, by name."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return []
    return list(Organization.objects.filter(members=user).order_by("name", "id"))

"""What pages of an organization share: who sees them, and that nothing of them is kept by caches."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.cache import patch_cache_control
from django.views.generic import TemplateView, View

from accounts import access
from accounts.access import Permission
from accounts.audit import Actor
from accounts.models import Organization, User
from accounts.networks import find_network
from core.errors import Forbidden, NotFound

CURRENT = "organization"


class SignedIn(LoginRequiredMixin, View):
    """Views for whoever is signed in, of whatever kind."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer; what a person sees is theirs alone."""
        answer = super().dispatch(request, *args, **kwargs)
        patch_cache_control(answer, private=True, no_store=True)
        return answer

    @property
    def person(self) -> User:
        """Who is signed in."""
        user = self.request.user
        assert isinstance(user, User)  # noqa: S101 - dispatch let nobody else in
        return user


class OrganizationPage(SignedIn, TemplateView):
    """
    A page of one organization, for its members with a permission; it is named by the address.

    `needs` is what reading takes, `needs_to_post` what changing takes. Foreign organizations are not found.
    """

    needs: ClassVar[Permission] = Permission.VIEW
    needs_to_post: ClassVar[Permission | None] = None
    tab: ClassVar[str] = ""
    organization: Organization
    granted: frozenset[Permission]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """
        Let in members whose role allows it.

        :raises Http404: for a foreign or unknown organization
        :raises PermissionDenied: for a role without the permission
        """
        if isinstance(request.user, User):
            self._open(request.user, kwargs["organization"], request.method or "GET")
            request.session[CURRENT] = str(self.organization.uid)
        try:
            return super().dispatch(request, *args, **kwargs)
        except NotFound as refusal:
            raise Http404 from refusal
        except Forbidden as refusal:
            raise PermissionDenied from refusal

    def _open(self, user: User, uid: UUID, method: str) -> None:
        try:
            self.organization = access.find_organization(user=user, uid=uid)
            self.granted = access.list_permissions(organization=self.organization, user=user)
        except NotFound as refusal:
            raise Http404 from refusal
        needs = self.needs if method in ("GET", "HEAD", "OPTIONS") else self.needs_to_post
        if needs is None or needs not in self.granted:
            raise PermissionDenied

    @property
    def actor(self) -> Actor:
        """Who does what this page does."""
        return Actor.from_user(self.person, network=find_network(self.request))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The organization, and what the reader may do there."""
        # The address names the organization too, by its uid.
        known = {"organization": self.organization, "granted": self.granted, "tab": self.tab}
        return super().get_context_data(**{**kwargs, **known})

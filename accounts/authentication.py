"""
Who asks: a person with a session or a program with an API key, and for which organization.

Views name `KeyAuthentication` before REST framework's `SessionAuthentication`: the first one decides
that refusals are 401 and ask for a bearer token.

`request.user` is a `User` or a `KeyHolder`; `request.auth` is the `ApiKey` or nothing;
`request.organization` is resolved when a view first asks for it through `Caller`.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts import access, keys
from accounts.access import Permission
from accounts.audit import Actor
from accounts.models import ApiKey, Organization, User
from accounts.networks import find_network
from core.errors import Invalid, NotFound, Unauthenticated

ORGANIZATION_HEADER = "x-jouleport-organization"


class OrganizationNeeded(Invalid):
    """A member of several organizations must say for which the request is."""

    status = 400
    code = "organization_needed"
    message = f"You belong to several organizations: name one in the header {ORGANIZATION_HEADER}."


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """The program that holds an API key, in the place where Django expects a user."""

    key: ApiKey

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    @property
    def pk(self) -> str:
        """By what limits of rate tell callers apart."""
        return f"key:{self.key.pk}"

    def __str__(self) -> str:
        return f"key …{self.key.last4}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks for which organization, with what is granted to them there."""

    organization: Organization
    actor: Actor
    granted: frozenset[Permission]

    def require(self, permission: Permission) -> None:
        """
        Go on only with this permission.

        :raises access.NotAllowed: if it was not granted
        """
        access.require_permission(granted=self.granted, permission=permission)


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer jp_live_…`; no other scheme and no other place."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, ApiKey] | None:
        """
        The key's holder, or nobody if there is no such header.

        :raises AuthenticationFailed: for another scheme, and a malformed, unknown, revoked or expired key
        """
        if "HTTP_AUTHORIZATION" not in request.META:
            return None
        header = get_authorization_header(request).decode("latin-1")
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer":
            # Whoever names a caller is that caller or nobody, whatever else the request carries.
            raise AuthenticationFailed("Send a key as `Authorization: Bearer …`.")
        now = timezone.now()  # noqa: TID251 - the edge of a request, like a view
        try:
            key = keys.find_key(text=text.strip(" "), now=now)
        except Unauthenticated as refusal:
            raise AuthenticationFailed(refusal.message, code=refusal.code) from None
        return KeyHolder(key), key

    def authenticate_header(self, request: Request) -> str:
        """Makes refusals 401 with this in `WWW-Authenticate`."""
        return "Bearer"


class InOrganization(BasePermission):
    """
    Lets in who acts for an organization, with the permission the view names for the method.

    A view sets `needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_KEYS}`; a method it does not
    name is refused. Sets `request.organization` and `request.caller`.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """
        Resolve the organization and check the permission.

        :raises NotFound: for an organization that is unknown or somebody else's
        :raises access.NotAllowed: for a role without the permission
        """
        if request.method == "OPTIONS":
            return request.user.is_authenticated
        caller = find_caller(request, named=view.kwargs.get("organization"))
        needs: dict[str, Permission] = getattr(view, "needs", {})
        if request.method not in needs:
            # REST framework answers 405 for methods without a handler; one with a handler but without
            # a named permission is a mistake of ours, and stays shut.
            return not hasattr(view, (request.method or "").lower())
        caller.require(needs[request.method])
        return True


def find_caller(request: Request, *, named: UUID | None = None) -> Caller:
    """
    Who asks for which organization; also sets `request.organization` and `request.caller`.

    :param named: the organization that the address names; without one, the header may name it
    :raises NotAuthenticated: if nobody is signed in
    :raises NotFound: for an organization that is unknown or somebody else's, and for people without any
    :raises OrganizationNeeded: for people with several who name none
    """
    known: Caller | None = getattr(request, "caller", None)
    if known is not None:
        return known
    wanted = named or _read_header(request)
    user: Any = request.user
    network = find_network(request)
    if isinstance(user, KeyHolder):
        caller = _find_key_caller(user, wanted, network)
    elif isinstance(user, User):
        caller = _find_user_caller(user, wanted, network)
    else:
        raise NotAuthenticated
    request.organization = caller.organization  # type: ignore[attr-defined]
    request.caller = caller  # type: ignore[attr-defined]
    return caller


def _read_header(request: Request) -> UUID | None:
    text = request.headers.get(ORGANIZATION_HEADER)
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def _find_key_caller(holder: KeyHolder, wanted: UUID | None, network: str) -> Caller:
    organization = holder.key.organization
    if wanted is not None and wanted != organization.uid:
        raise NotFound
    return Caller(organization, Actor.from_key(holder.key, network=network), access.KEY_ALLOWED)


def _find_user_caller(user: User, wanted: UUID | None, network: str) -> Caller:
    if wanted is not None:
        organization = access.find_organization(user=user, uid=wanted)
    else:
        mine = list(Organization.objects.filter(members=user)[:2])
        if not mine:
            raise NotFound("You belong to no organization.")
        if len(mine) > 1:
            raise OrganizationNeeded
        organization = mine[0]
    granted = access.list_permissions(organization=organization, user=user)
    return Caller(organization, Actor.from_user(user, network=network), granted)

"""
Who may do what, and whose things somebody may see.

A foreign or unknown id answers 404, so that nobody learns what exists; a known thing in the wrong
role answers 403.
"""

from enum import StrEnum
from typing import Any
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Model, QuerySet

from accounts.models import Membership, Organization, Role, User
from core.errors import Forbidden, NotFound


class Permission(StrEnum):
    """What can be allowed within an organization."""

    VIEW = "VIEW"
    USE = "USE"
    """Submit and cancel jobs."""
    MANAGE_KEYS = "MANAGE_KEYS"
    MANAGE_SITES = "MANAGE_SITES"
    """Sites, offers, nodes and agent tokens."""
    VIEW_MONEY = "VIEW_MONEY"
    MANAGE_MONEY = "MANAGE_MONEY"
    """Top-ups, limits, payout details."""
    MANAGE_ORGANIZATION = "MANAGE_ORGANIZATION"
    """Its name."""
    VIEW_AUDIT = "VIEW_AUDIT"
    """Who did what."""
    MANAGE_MEMBERS = "MANAGE_MEMBERS"
    MANAGE_OWNERS = "MANAGE_OWNERS"


ALLOWED: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission) - {Permission.MANAGE_OWNERS, Permission.MANAGE_MONEY},
    Role.FINANCE: frozenset({Permission.VIEW, Permission.VIEW_MONEY, Permission.MANAGE_MONEY}),
    Role.MEMBER: frozenset({Permission.VIEW, Permission.USE}),
}

KEY_ALLOWED = frozenset({Permission.VIEW, Permission.USE, Permission.VIEW_MONEY})
"""What a program with an API key may do: a leaked key makes no further keys and moves no money."""


class NotAllowed(Forbidden):
    """The member's role, or the key, lacks the permission."""


def require_permission(*, granted: frozenset[Permission], permission: Permission) -> None:
    """
    Go on only if `permission` is among what was granted.

    :raises NotAllowed: if it is not
    """
    if permission not in granted:
        raise NotAllowed(permission=permission.value)


def list_permissions(*, organization: Organization, user: User) -> frozenset[Permission]:
    """
    What `user` may do in `organization`.

    :raises NotFound: if the user is no member
    """
    return ALLOWED[Role(find_membership(organization=organization, user=user).role)]


def check_member(*, organization: Organization, user: User, permission: Permission) -> None:
    """
    Go on only if `user` is a member of `organization` in a role with `permission`.

    :raises NotFound: if the user is no member
    :raises NotAllowed: if the role lacks the permission
    """
    granted = list_permissions(organization=organization, user=user)
    require_permission(granted=granted, permission=permission)


def find_membership(*, organization: Organization, user: User) -> Membership:
    """
    The membership of `user` in `organization`.

    :raises NotFound: if there is none
    """
    return get_or_refuse(Membership.objects.filter(organization=organization, user=user))


def find_organization(*, user: User, uid: UUID | str) -> Organization:
    """
    The organization with this uid, of which `user` is a member.

    :raises NotFound: if there is none, or it is somebody else's
    """
    return get_or_refuse(Organization.objects.filter(members=user), uid=uid)


def find_owned[M: Model](rows: QuerySet[M], *, organization: Organization, uid: UUID | str) -> M:
    """
    The row with this uid that belongs to `organization`.

    :raises NotFound: if there is none, or it is somebody else's
    """
    return get_or_refuse(rows, organization=organization, uid=uid)


def get_or_refuse[M: Model](rows: QuerySet[M], **conditions: Any) -> M:
    """
    The one row that meets the conditions; a uid that is none is an unknown one.

    :raises NotFound: if there is no such row
    """
    try:
        return rows.get(**conditions)
    except (ObjectDoesNotExist, ValidationError):
        raise NotFound from None

"""Organizations and who belongs to them."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts import access, audit, projects
from accounts.access import Permission
from accounts.audit import Actor
from accounts.models import Membership, Organization, Role, User
from core.errors import DomainError, Invalid

ANYTHING = frozenset(Permission)


class AlreadyMember(DomainError):
    """The person belongs to the organization already."""

    code = "already_member"


class LastOwner(DomainError):
    """An organization without an owner could never be managed again."""

    code = "last_owner"
    message = "The last owner stays: make somebody else an owner first."


class InvalidOrganization(Invalid):
    """No name, or no country code."""

    code = "invalid_organization"


def create_organization(
    *, name: str, country: str, now: datetime, owner: User | None = None, actor: Actor | None = None
) -> Organization:
    """
    Found an organization; `country` is ISO 3166-1 alpha-2; the owner, if given, becomes its first member.

    :raises InvalidOrganization: if the name is empty or the country is not two letters
    """
    name, country = name.strip(), country.strip().upper()
    if not name or len(country) != 2 or not (country.isascii() and country.isalpha()):
        raise InvalidOrganization("An organization needs a name and a country of two letters.")
    if actor is None:
        actor = Actor.from_user(owner) if owner else audit.SYSTEM
    with transaction.atomic():
        organization = Organization.objects.create(name=name, country=country)
        audit.record_event(
            actor=actor,
            action="organization.create",
            subject_kind="organization",
            subject_uid=organization.uid,
            organization=organization,
            now=now,
            details={"name": name, "country": country},
        )
        if owner is not None:
            add_member(organization=organization, user=owner, role=Role.OWNER, actor=actor, now=now)
    return organization


def rename_organization(*, organization: Organization, name: str, actor: Actor, now: datetime) -> None:
    """
    Give an organization another name. The caller has checked that the actor may.

    :raises InvalidOrganization: if the name is empty
    """
    name = name.strip()
    if not name:
        raise InvalidOrganization("An organization needs a name.")
    with transaction.atomic():
        before = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
        Organization.objects.filter(pk=before.pk).update(name=name)
        audit.record_event(
            actor=actor,
            action="organization.rename",
            subject_kind="organization",
            subject_uid=before.uid,
            organization=before,
            now=now,
            details={"before": before.name, "after": name},
        )
    organization.name = name


def find_member(*, organization: Organization, uid: UUID) -> Membership:
    """
    The membership of the person with this uid.

    :raises core.errors.NotFound: if that is no member
    """
    rows = Membership.objects.select_related("user", "organization")
    return access.get_or_refuse(rows, organization=organization, user__uid=uid)


def add_member(
    *, organization: Organization, user: User, role: Role, actor: Actor, now: datetime
) -> Membership:
    """
    Let `user` act for `organization` in `role`. The caller has checked that the actor may.

    :raises AlreadyMember: if the user is a member, in whatever role
    """
    with transaction.atomic():
        try:
            with transaction.atomic():
                membership = Membership.objects.create(organization=organization, user=user, role=role)
        except IntegrityError:
            raise AlreadyMember from None
        _record(membership, "member.add", actor=actor, now=now, details={"role": role.value})
    return membership


def change_role(
    *,
    membership: Membership,
    role: Role,
    actor: Actor,
    now: datetime,
    granted: frozenset[Permission] = ANYTHING,
) -> Membership:
    """
    Give a member another role; gives the membership as it is then.

    :param granted: what the actor may do; checked against the role that the member has at this moment
    :raises access.NotAllowed: if it takes more than that to give the role, or to take the old one away
    :raises LastOwner: if the organization would have no owner left
    """
    with transaction.atomic():
        before = _lock(membership)
        for one in (Role(before.role), role):
            access.require_permission(granted=granted, permission=permission_to_appoint(one))
        if role is not Role.OWNER:
            _require_other_owner(before)
        Membership.objects.filter(pk=before.pk).update(role=role)
        details = {"before": before.role, "after": role.value}
        _record(before, "member.change_role", actor=actor, now=now, details=details)
    before.role = role
    return before


def remove_member(
    *, membership: Membership, actor: Actor, now: datetime, granted: frozenset[Permission] = ANYTHING
) -> None:
    """
    End a membership. Whoever leaves of their own will needs no permission for it. The keys that person made
    live on, in the project they spent in.

    :param granted: what the actor may do; checked against the role that the member has at this moment
    :raises access.NotAllowed: if it takes more than that to take the role away
    :raises LastOwner: if the organization would have no owner left
    """
    with transaction.atomic():
        before = _lock(membership)
        if actor.user != before.user:
            needed = permission_to_appoint(Role(before.role))
            access.require_permission(granted=granted, permission=needed)
        _require_other_owner(before)
        _record(before, "member.remove", actor=actor, now=now, details={"role": before.role})
        projects.keep_keys(membership=before, actor=actor, now=now)
        Membership.objects.filter(pk=before.pk).delete()


def permission_to_appoint(role: Role) -> Permission:
    """What it takes to give somebody `role`, or to take it away."""
    return Permission.MANAGE_OWNERS if role is Role.OWNER else Permission.MANAGE_MEMBERS


def _lock(membership: Membership) -> Membership:
    # The organization's row is locked, so that two owners cannot step down at the same moment.
    Organization.objects.select_for_update(no_key=True).get(pk=membership.organization_id)
    # The membership's own row as well: its project stays what is read here.
    rows = Membership.objects.select_for_update(of=("self",)).select_related(
        "organization", "user", "project"
    )
    return access.get_or_refuse(rows, pk=membership.pk)


def _require_other_owner(membership: Membership) -> None:
    others = Membership.objects.filter(organization=membership.organization, role=Role.OWNER)
    if membership.role == Role.OWNER and not others.exclude(pk=membership.pk).exists():
        raise LastOwner


def _record(
    membership: Membership, action: str, *, actor: Actor, now: datetime, details: dict[str, str]
) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="user",
        subject_uid=membership.user.uid,
        organization=membership.organization,
        now=now,
        details=details,
    )

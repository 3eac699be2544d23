"""Projects: named groups of keys and members, whose spending can be limited together."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts import access, audit
from accounts.audit import Actor
from accounts.models import ApiKey, Membership, Organization, Project
from core.errors import DomainError, Invalid, NotFound


class InvalidProject(Invalid):
    """It has no name."""

    code = "invalid_project"
    message = "A project needs a name."


class ProjectExists(DomainError):
    """The organization has a project of this name."""

    code = "project_exists"
    message = "There is a project of this name already."


class ProjectArchived(DomainError):
    """It ended; nothing joins it any more."""

    code = "project_archived"
    message = "This project is archived."


class ProjectNotEmpty(DomainError):
    """Its keys and members would spend outside every project, perhaps without a limit."""

    code = "project_not_empty"
    message = "Move its keys and members to another project, or revoke the keys, first."


def create_project(*, organization: Organization, name: str, actor: Actor, now: datetime) -> Project:
    """
    Start a project.

    :raises InvalidProject: if the name is empty
    :raises ProjectExists: if the name is taken
    """
    name = _check_name(name)
    with transaction.atomic():
        try:
            with transaction.atomic():
                project = Project.objects.create(organization=organization, name=name)
        except IntegrityError:
            raise ProjectExists from None
        _record(project, "project.create", actor=actor, now=now, details={"name": name})
    return project


def rename_project(*, project: Project, name: str, actor: Actor, now: datetime) -> None:
    """
    Give it another name.

    :raises InvalidProject: if the name is empty
    :raises ProjectExists: if the name is taken
    :raises ProjectArchived: if it ended
    """
    name = _check_name(name)
    with transaction.atomic():
        before = _lock(project)
        try:
            with transaction.atomic():
                Project.objects.filter(pk=project.pk).update(name=name)
        except IntegrityError:
            raise ProjectExists from None
        details = {"before": before.name, "after": name}
        _record(project, "project.rename", actor=actor, now=now, details=details)
    project.name = name


def archive_project(*, project: Project, actor: Actor, now: datetime) -> None:
    """
    End a project that nothing spends in any more. Its name is free again.

    :raises ProjectNotEmpty: if a member or a key that is not revoked is in it
    :raises ProjectArchived: if it ended before
    """
    with transaction.atomic():
        _lock(project)
        if project.memberships.exists() or project.api_keys.filter(revoked_at=None).exists():
            raise ProjectNotEmpty
        Project.objects.filter(pk=project.pk).update(archived_at=now)
        _record(project, "project.archive", actor=actor, now=now, details={"name": project.name})
    project.archived_at = now


def move_key(*, key: ApiKey, project: Project | None, actor: Actor, now: datetime) -> None:
    """
    Put a key into a project, or into none; what it spends from now on counts there.

    :raises core.errors.NotFound: if the project is another organization's
    :raises ProjectArchived: if it ended
    """
    with transaction.atomic():
        _check_target(project, key.organization_id)
        ApiKey.objects.filter(pk=key.pk).update(project=project)
        _record_move(key.organization, "key", key.uid, project, actor=actor, now=now)
    key.project = project


def move_member(*, membership: Membership, project: Project | None, actor: Actor, now: datetime) -> None:
    """
    Put a member into a project, or into none: the keys this person made spend there, except those that are
    in a project of their own.

    :raises core.errors.NotFound: if the project is another organization's
    :raises ProjectArchived: if it ended
    """
    with transaction.atomic():
        _check_target(project, membership.organization_id)
        Membership.objects.filter(pk=membership.pk).update(project=project)
        _record_move(membership.organization, "user", membership.user.uid, project, actor=actor, now=now)
    membership.project = project


def keep_keys(*, membership: Membership, actor: Actor, now: datetime) -> None:
    """
    Put the keys that spend in a member's project through the membership into that project themselves, before
    the membership ends and would take them out of its limits. The caller holds the membership's lock.
    """
    if membership.project is None:
        return
    rows = ApiKey.objects.select_for_update(no_key=True).filter(
        organization=membership.organization, created_by=membership.user, project=None, revoked_at=None
    )
    for key in rows.order_by("pk"):
        ApiKey.objects.filter(pk=key.pk).update(project=membership.project)
        _record_move(membership.organization, "key", key.uid, membership.project, actor=actor, now=now)


def find_project(*, organization: Organization, uid: UUID | str) -> Project:
    """
    The organization's project with this uid.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    rows = Project.objects.select_related("organization")
    return access.find_owned(rows, organization=organization, uid=uid)


def list_projects(*, organization: Organization) -> QuerySet[Project]:
    """The organization's projects, archived ones too."""
    return Project.objects.filter(organization=organization)


def _check_name(name: str) -> str:
    name = name.strip()
    if not name:
        raise InvalidProject
    return name


def _lock(project: Project) -> Project:
    # Whoever joins locks the same row, so that nothing joins what is being archived.
    locked = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if locked.archived_at is not None:
        raise ProjectArchived
    return locked


def _check_target(project: Project | None, organization_id: int) -> None:
    if project is None:
        return
    if project.organization_id != organization_id:
        raise NotFound
    _lock(project)


def _record(project: Project, action: str, *, actor: Actor, now: datetime, details: dict[str, Any]) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="project",
        subject_uid=project.uid,
        organization=project.organization,
        now=now,
        details=details,
    )


def _record_move(
    organization: Organization,
    kind: str,
    uid: UUID,
    project: Project | None,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    audit.record_event(
        actor=actor,
        action="key.move" if kind == "key" else "member.move",
        subject_kind=kind,
        subject_uid=uid,
        organization=organization,
        now=now,
        details={"project": str(project.uid) if project else None},
    )

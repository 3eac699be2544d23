"""Projects, and which keys and members are in them."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access, projects
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.filters import Filters, Is
from accounts.api.schema import describe
from accounts.api.serializers import NAME_LENGTH_MAX
from accounts.models import ApiKey, Membership, Organization, Project


class ProjectRequest(serializers.Serializer[Any]):
    """A project's name."""

    name = serializers.CharField(max_length=NAME_LENGTH_MAX)


class ProjectAnswer(serializers.Serializer[Any]):
    """A project; its keys and members are found by the filter `project` of their lists."""

    uid = serializers.UUIDField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    archived_at = serializers.DateTimeField(allow_null=True)


class Placement(serializers.Serializer[Any]):
    """Which project a key or a member is in; null for none."""

    project = serializers.UUIDField(allow_null=True)


class ProjectFilters(Filters):
    """What projects can be narrowed by."""

    archived = Is("archived_at", help_text="Whether it ended.")


class ProjectList(OrganizationView):
    """An organization's projects."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_MONEY}

    @describe("projects_list", "Projects", answer=ProjectAnswer, paged=True, filters=ProjectFilters)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = projects.list_projects(organization=self.caller().organization)
        return self.show_page(rows, ProjectAnswer, filters=ProjectFilters)

    @describe("projects_create", "Start a project", request=ProjectRequest, answer=ProjectAnswer, status=201)
    def post(self, request: Request) -> HttpResponse:
        """Start one, without keys and members."""
        wanted, caller = self.read(ProjectRequest), self.caller()

        def start() -> dict[str, Any]:
            project = projects.create_project(
                organization=caller.organization,
                name=wanted["name"],
                actor=caller.actor,
                now=timezone.now(),
            )
            return dict(ProjectAnswer(project).data)

        return self.create(start)


class ProjectDetail(OrganizationView):
    """One project."""

    needs = {"GET": Permission.VIEW, "PATCH": Permission.MANAGE_MONEY}

    @describe("projects_read", "A project", answer=ProjectAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it."""
        project = projects.find_project(organization=self.caller().organization, uid=uid)
        return Response(ProjectAnswer(project).data)

    @describe(
        "projects_rename", "Rename a project", request=ProjectRequest, answer=ProjectAnswer, refusals=(409,)
    )
    def patch(self, request: Request, uid: UUID) -> Response:
        """Give it another name."""
        wanted, caller = self.read(ProjectRequest), self.caller()
        project = projects.find_project(organization=caller.organization, uid=uid)
        projects.rename_project(project=project, name=wanted["name"], actor=caller.actor, now=timezone.now())
        return Response(ProjectAnswer(project).data)


class ProjectArchive(OrganizationView):
    """The end of a project."""

    needs = {"POST": Permission.MANAGE_MONEY}

    @describe("projects_archive", "Archive a project", answer=ProjectAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """End it, once no member and no working key is in it."""
        caller = self.caller()
        project = projects.find_project(organization=caller.organization, uid=uid)
        projects.archive_project(project=project, actor=caller.actor, now=timezone.now())
        return Response(ProjectAnswer(project).data)


class KeyProject(OrganizationView):
    """The project of a key."""

    needs = {"PUT": Permission.MANAGE_MONEY}

    @describe("keys_move", "Move a key", request=Placement, answer=Placement, refusals=(409,))
    def put(self, request: Request, uid: UUID) -> Response:
        """Put the key into a project, or into none: then it spends where its maker's keys do."""
        wanted, caller = self.read(Placement), self.caller()
        rows = ApiKey.objects.select_related("organization")
        key = access.find_owned(rows, organization=caller.organization, uid=uid)
        project = _find_target(caller.organization, wanted)
        projects.move_key(key=key, project=project, actor=caller.actor, now=timezone.now())
        return Response(wanted)


class MemberProject(OrganizationView):
    """The project of a member."""

    needs = {"PUT": Permission.MANAGE_MONEY}

    @describe(
        "members_move",
        "Move a member",
        request=Placement,
        answer=Placement,
        refusals=(403, 404, 409),
        organization=False,
    )
    def put(self, request: Request, organization: UUID, uid: UUID) -> Response:
        """Put the person's keys into a project, but for those in one of their own; or into none."""
        wanted, caller = self.read(Placement), self.caller()
        rows = Membership.objects.select_related("organization", "user")
        member = access.get_or_refuse(rows, organization=caller.organization, user__uid=uid)
        project = _find_target(caller.organization, wanted)
        projects.move_member(membership=member, project=project, actor=caller.actor, now=timezone.now())
        return Response(wanted)


def _find_target(organization: Organization, wanted: dict[str, Any]) -> Project | None:
    if wanted["project"] is None:
        return None
    return projects.find_project(organization=organization, uid=wanted["project"])

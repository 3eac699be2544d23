"""Organizations and their members."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import organizations
from accounts.access import Permission
from accounts.api.base import OrganizationView, RestView
from accounts.api.filters import Choice, Filters, Uid, Word
from accounts.api.schema import describe
from accounts.api.serializers import (
    MemberAnswer,
    OrganizationAnswer,
    OrganizationChange,
    OrganizationRequest,
    RoleRequest,
)
from accounts.authentication import KeyHolder
from accounts.models import Membership, Organization, Role, User
from core.errors import Forbidden


class PeopleOnly(Forbidden):
    """A program with a key asks for what only a person may do."""

    code = "people_only"
    message = "Sign in as a person: a key acts for one organization and founds none."


class MemberFilters(Filters):
    """What members can be narrowed by."""

    role = Choice(Role.values)
    email = Word(field_name="user__email", lookup_expr="iexact", help_text="Whatever the case.")
    project = Uid(field_name="project__uid", help_text="Where the keys of the person spend.")


class OrganizationList(RestView):
    """The organizations a person belongs to, or the one a key acts for."""

    @describe(
        "organizations_list", "Your organizations", answer=OrganizationAnswer, paged=True, organization=False
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        user: Any = request.user
        if isinstance(user, KeyHolder):
            rows = Organization.objects.filter(pk=user.key.organization_id)
        else:
            rows = Organization.objects.filter(members=user)
        return self.show_page(rows, OrganizationAnswer)

    @describe(
        "organizations_create",
        "Found an organization",
        request=OrganizationRequest,
        answer=OrganizationAnswer,
        status=201,
        refusals=(403,),
        organization=False,
    )
    def post(self, request: Request) -> HttpResponse:
        """Found one; who does so owns it."""
        owner = request.user
        if not isinstance(owner, User):
            raise PeopleOnly
        wanted = self.read(OrganizationRequest)

        def found() -> dict[str, Any]:
            organization = organizations.create_organization(**wanted, now=timezone.now(), owner=owner)
            return dict(OrganizationAnswer(organization).data)

        return self.create(found)


class OrganizationDetail(OrganizationView):
    """One organization."""

    needs = {"GET": Permission.VIEW, "PATCH": Permission.MANAGE_ORGANIZATION}

    @describe(
        "organizations_read",
        "An organization",
        answer=OrganizationAnswer,
        refusals=(403, 404),
        organization=False,
    )
    def get(self, request: Request, organization: UUID) -> Response:
        """Read it."""
        return Response(OrganizationAnswer(self.caller().organization).data)

    @describe(
        "organizations_rename",
        "Rename an organization",
        request=OrganizationChange,
        answer=OrganizationAnswer,
        refusals=(403, 404),
        organization=False,
    )
    def patch(self, request: Request, organization: UUID) -> Response:
        """Give it another name; its country and everything it owns stay."""
        wanted, caller = self.read(OrganizationChange), self.caller()
        organizations.rename_organization(
            organization=caller.organization, name=wanted["name"], actor=caller.actor, now=timezone.now()
        )
        return Response(OrganizationAnswer(caller.organization).data)


class MemberList(OrganizationView):
    """Who belongs to an organization."""

    needs = {"GET": Permission.VIEW}

    @describe(
        "members_list",
        "Members of an organization",
        answer=MemberAnswer,
        refusals=(403, 404),
        paged=True,
        filters=MemberFilters,
        organization=False,
    )
    def get(self, request: Request, organization: UUID) -> Response:
        """List them, newest first."""
        rows = Membership.objects.select_related("user", "project")
        rows = rows.filter(organization=self.caller().organization)
        return self.show_page(rows, MemberAnswer, filters=MemberFilters)


class MemberDetail(OrganizationView):
    """One member."""

    # What it takes depends on the member's role; leaving takes nothing but being one.
    needs = {"GET": Permission.VIEW, "PATCH": Permission.MANAGE_MEMBERS, "DELETE": Permission.VIEW}

    @describe("members_read", "A member", answer=MemberAnswer, refusals=(403, 404), organization=False)
    def get(self, request: Request, organization: UUID, uid: UUID) -> Response:
        """Read it; `uid` is the person's."""
        return Response(MemberAnswer(self.find(uid)).data)

    @describe(
        "members_change_role",
        "Give a member another role",
        request=RoleRequest,
        answer=MemberAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def patch(self, request: Request, organization: UUID, uid: UUID) -> Response:
        """Give the person another role; the last owner stays one."""
        wanted, caller = self.read(RoleRequest), self.caller()
        changed = organizations.change_role(
            membership=self.find(uid),
            role=Role(wanted["role"]),
            actor=caller.actor,
            now=timezone.now(),
            granted=caller.granted,
        )
        return Response(MemberAnswer(changed).data)

    @describe(
        "members_remove",
        "Remove a member, or leave",
        answer=None,
        status=204,
        refusals=(403, 404, 409),
        organization=False,
    )
    def delete(self, request: Request, organization: UUID, uid: UUID) -> HttpResponse:
        """Remove the person; with one's own `uid`, leave. The last owner stays."""
        caller = self.caller()
        organizations.remove_member(
            membership=self.find(uid), actor=caller.actor, now=timezone.now(), granted=caller.granted
        )
        return HttpResponse(status=204)

    def find(self, uid: UUID) -> Membership:
        """The membership that the address names."""
        return organizations.find_member(organization=self.caller().organization, uid=uid)

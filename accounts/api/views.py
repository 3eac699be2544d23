"""Organizations, their members, and agent tokens."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import access, agent_tokens, organizations
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.schema import describe
from accounts.api.serializers import (
    AgentTokenAnswer,
    AgentTokenRequest,
    MemberAnswer,
    MemberRequest,
    NewAgentTokenAnswer,
    OrganizationAnswer,
    OrganizationRequest,
)
from accounts.audit import Actor
from accounts.authentication import KeyHolder
from accounts.models import AgentToken, Membership, Organization, Role, User
from core.errors import Forbidden, Invalid, NotFound
from core.pagination import NewestFirst


class PeopleOnly(Forbidden):
    """A program with a key asks for what only a person may do."""

    code = "people_only"
    message = "Sign in as a person: a key acts for one organization and founds none."


class PersonUnknown(Invalid):
    """Nobody with this address has an account."""

    code = "person_unknown"
    message = "Nobody with this address has an account here."


class OrganizationList(APIView):
    """The organizations a person belongs to, or the one a key acts for."""

    permission_classes = (IsAuthenticated,)

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
        paginator = NewestFirst()
        page = paginator.paginate_queryset(rows, request, view=self)
        return paginator.get_paginated_response(OrganizationAnswer(page, many=True).data)

    @describe(
        "organizations_create",
        "Found an organization",
        request=OrganizationRequest,
        answer=OrganizationAnswer,
        status=201,
        refusals=(403,),
        organization=False,
    )
    def post(self, request: Request) -> Response:
        """Found one; who does so owns it."""
        if not isinstance(request.user, User):
            raise PeopleOnly
        given = OrganizationRequest(data=request.data)
        given.is_valid(raise_exception=True)
        organization = organizations.create_organization(
            **given.validated_data, now=timezone.now(), owner=request.user
        )
        return Response(OrganizationAnswer(organization).data, status=201)


def _open_organization(request: Request, uid: UUID, permission: Permission) -> tuple[Organization, Actor]:
    """The organization named in the address. :raises NotFound: :raises access.NotAllowed:"""
    user: Any = request.user
    if isinstance(user, KeyHolder):
        organization = user.key.organization
        if organization.uid != uid:
            raise NotFound
        access.require_permission(granted=access.KEY_ALLOWED, permission=permission)
        return organization, Actor.from_key(user.key)
    organization = access.find_organization(user=user, uid=uid)
    access.check_member(organization=organization, user=user, permission=permission)
    return organization, Actor.from_user(user)


class OrganizationDetail(APIView):
    """One organization."""

    permission_classes = (IsAuthenticated,)

    @describe(
        "organizations_read",
        "An organization",
        answer=OrganizationAnswer,
        refusals=(404,),
        organization=False,
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it."""
        organization, _ = _open_organization(request, uid, Permission.VIEW)
        return Response(OrganizationAnswer(organization).data)


class MemberList(APIView):
    """Who belongs to an organization."""

    permission_classes = (IsAuthenticated,)

    @describe(
        "members_list",
        "Members of an organization",
        answer=MemberAnswer,
        refusals=(404,),
        paged=True,
        organization=False,
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """List them, newest first."""
        organization, _ = _open_organization(request, uid, Permission.VIEW)
        rows = Membership.objects.select_related("user").filter(organization=organization)
        paginator = NewestFirst()
        page = paginator.paginate_queryset(rows, request, view=self)
        return paginator.get_paginated_response(MemberAnswer(page, many=True).data)

    @describe(
        "members_add",
        "Add a member",
        request=MemberRequest,
        answer=MemberAnswer,
        status=201,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Let somebody who has an account act for the organization."""
        given = MemberRequest(data=request.data)
        given.is_valid(raise_exception=True)
        role = Role(given.validated_data["role"])
        organization, actor = _open_organization(request, uid, organizations.permission_to_appoint(role))
        user = User.objects.filter(email__iexact=given.validated_data["email"], is_active=True).first()
        if user is None:
            raise PersonUnknown
        membership = organizations.add_member(
            organization=organization, user=user, role=role, actor=actor, now=timezone.now()
        )
        return Response(MemberAnswer(membership).data, status=201)


class AgentTokenList(OrganizationView):
    """Agents' tokens."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_SITES}

    @describe("agent_tokens_list", "Agent tokens", answer=AgentTokenAnswer, paged=True)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = AgentToken.objects.filter(organization=self.caller().organization)
        return self.show_page(rows, AgentTokenAnswer)

    @describe(
        "agent_tokens_create",
        "Issue an agent token",
        request=AgentTokenRequest,
        answer=NewAgentTokenAnswer,
        status=201,
    )
    def post(self, request: Request) -> HttpResponse:
        """Issue one; its text is shown this once."""
        wanted, caller = self.read(AgentTokenRequest), self.caller()

        def issue() -> dict[str, Any]:
            issued = agent_tokens.issue_agent_token(
                organization=caller.organization, name=wanted["name"], actor=caller.actor, now=timezone.now()
            )
            return {**AgentTokenAnswer(issued.agent_token).data, "secret": issued.text}

        return self.create(issue, secret="secret")  # noqa: S106 - the field's name


class AgentTokenRevocation(OrganizationView):
    """The end of an agent's token."""

    needs = {"POST": Permission.MANAGE_SITES}

    @describe("agent_tokens_revoke", "Revoke an agent token", answer=AgentTokenAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """End it at once, everywhere."""
        caller = self.caller()
        rows = AgentToken.objects.select_related("organization")
        token = access.find_owned(rows, organization=caller.organization, uid=uid)
        agent_tokens.revoke_agent_token(agent_token=token, actor=caller.actor, now=timezone.now())
        return Response(AgentTokenAnswer(token).data)

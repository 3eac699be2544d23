"""Invitations to an organization: sent, listed, taken back. They are accepted on a page, by a person."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import invitations, organizations, projects
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.schema import describe
from accounts.api.serializers import InvitationAnswer, InvitationRequest
from accounts.models import Role


class InvitationList(OrganizationView):
    """Who was asked to belong to an organization."""

    needs = {"GET": Permission.MANAGE_MEMBERS, "POST": Permission.MANAGE_MEMBERS}

    @describe(
        "invitations_list",
        "Invitations that can still be accepted",
        answer=InvitationAnswer,
        refusals=(403, 404),
        paged=True,
        organization=False,
    )
    def get(self, request: Request, organization: UUID) -> Response:
        """List them, newest first."""
        rows = invitations.list_open(organization=self.caller().organization, now=timezone.now())
        return self.show_page(rows, InvitationAnswer)

    @describe(
        "invitations_create",
        "Invite somebody",
        request=InvitationRequest,
        answer=InvitationAnswer,
        status=201,
        refusals=(403, 404, 429, 503),
        organization=False,
    )
    def post(self, request: Request, organization: UUID) -> HttpResponse:
        """
        Mail an invitation to an address, whether it has an account or not. Whoever accepts it is a member;
        owners are invited by owners. A second one to the same address replaces the first.
        """
        wanted, caller = self.read(InvitationRequest), self.caller()
        role, project = Role(wanted["role"]), wanted["project"]
        caller.require(organizations.permission_to_appoint(role))
        if project is not None:
            caller.require(Permission.MANAGE_MONEY)
            project = projects.find_project(organization=caller.organization, uid=project)
        # No key may manage members, so this is a person.
        inviter = caller.actor.user
        assert inviter is not None  # noqa: S101

        def send() -> dict[str, Any]:
            made = invitations.invite(
                organization=caller.organization,
                email=wanted["email"],
                role=role,
                project=project,
                inviter=inviter,
                now=timezone.now(),
                write_link=lambda token: request.build_absolute_uri(reverse("invitation-page", args=[token])),
            )
            return dict(InvitationAnswer(made).data)

        return self.create(send)


class InvitationDetail(OrganizationView):
    """One invitation."""

    needs = {"DELETE": Permission.MANAGE_MEMBERS}

    @describe(
        "invitations_revoke",
        "Take an invitation back",
        answer=None,
        status=204,
        refusals=(403, 404),
        organization=False,
    )
    def delete(self, request: Request, organization: UUID, uid: UUID) -> HttpResponse:
        """End it; its link opens nothing any more."""
        caller = self.caller()
        invitations.revoke_invitation(
            organization=caller.organization,
            uid=uid,
            actor=caller.actor,
            now=timezone.now(),
            granted=caller.granted,
        )
        return HttpResponse(status=204)

"""Agent tokens, and the audit trail."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access, agent_tokens
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.filters import Choice, Filters, Is, Since, Uid, Until, Word
from accounts.api.schema import describe
from accounts.api.serializers import (
    AgentTokenAnswer,
    AgentTokenRequest,
    AuditEventAnswer,
    NewAgentTokenAnswer,
)
from accounts.models import ActorKind, AgentToken, AuditEvent


class AgentTokenFilters(Filters):
    """What agent tokens can be narrowed by."""

    revoked = Is("revoked_at", help_text="Whether it was revoked.")


class AuditFilters(Filters):
    """What the audit trail can be narrowed by."""

    action = Word(help_text="As in `key.revoke`.")
    actor_kind = Choice(ActorKind.values)
    actor = Uid(field_name="actor_uid", help_text="Who did it.")
    subject_kind = Word()
    subject = Uid(field_name="subject_uid", help_text="To what it was done.")
    since = Since("happened_at")
    until = Until("happened_at")


class AgentTokenList(OrganizationView):
    """Agents' tokens."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_SITES}

    @describe(
        "agent_tokens_list", "Agent tokens", answer=AgentTokenAnswer, paged=True, filters=AgentTokenFilters
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = AgentToken.objects.filter(organization=self.caller().organization)
        return self.show_page(rows, AgentTokenAnswer, filters=AgentTokenFilters)

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


class TokenView(OrganizationView):
    """A view of one token."""

    def find(self, uid: UUID) -> AgentToken:
        """The token that the address names."""
        rows = AgentToken.objects.select_related("organization")
        return access.find_owned(rows, organization=self.caller().organization, uid=uid)


class AgentTokenDetail(TokenView):
    """One agent's token."""

    needs = {"GET": Permission.VIEW, "PATCH": Permission.MANAGE_SITES}

    @describe("agent_tokens_read", "An agent token", answer=AgentTokenAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it, without its text."""
        return Response(AgentTokenAnswer(self.find(uid)).data)

    @describe(
        "agent_tokens_rename", "Rename an agent token", request=AgentTokenRequest, answer=AgentTokenAnswer
    )
    def patch(self, request: Request, uid: UUID) -> Response:
        """Give it another name."""
        wanted, caller, token = self.read(AgentTokenRequest), self.caller(), self.find(uid)
        agent_tokens.rename_agent_token(
            agent_token=token, name=wanted["name"], actor=caller.actor, now=timezone.now()
        )
        return Response(AgentTokenAnswer(token).data)


class AgentTokenRevocation(TokenView):
    """The end of an agent's token."""

    needs = {"POST": Permission.MANAGE_SITES}

    @describe("agent_tokens_revoke", "Revoke an agent token", answer=AgentTokenAnswer, refusals=(409,))
    def post(self, request: Request, uid: UUID) -> Response:
        """End it at once, everywhere."""
        token = self.find(uid)
        agent_tokens.revoke_agent_token(agent_token=token, actor=self.caller().actor, now=timezone.now())
        return Response(AgentTokenAnswer(token).data)


class AuditTrail(OrganizationView):
    """Who did what in an organization."""

    needs = {"GET": Permission.VIEW_AUDIT}

    @describe("audit_list", "Audit trail", answer=AuditEventAnswer, paged=True, filters=AuditFilters)
    def get(self, request: Request) -> Response:
        """List what was done, newest first. Nothing in it is ever changed or removed."""
        rows = AuditEvent.objects.filter(organization=self.caller().organization)
        return self.show_page(rows, AuditEventAnswer, filters=AuditFilters)

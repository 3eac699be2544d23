"""Addresses of organizations, members, agent tokens and the audit trail."""

from django.urls import path

from accounts.api import invitations, organizations, oversight, projects, views

ONE = "organizations/<uuid:organization>"

urlpatterns = [
    path("organizations", organizations.OrganizationList.as_view(), name="organizations"),
    path(ONE, organizations.OrganizationDetail.as_view(), name="organization"),
    path(f"{ONE}/members", organizations.MemberList.as_view(), name="members"),
    path(f"{ONE}/members/<uuid:uid>", organizations.MemberDetail.as_view(), name="member"),
    path(f"{ONE}/members/<uuid:uid>/project", projects.MemberProject.as_view(), name="member-project"),
    path(f"{ONE}/invitations", invitations.InvitationList.as_view(), name="invitations"),
    path(f"{ONE}/invitations/<uuid:uid>", invitations.InvitationDetail.as_view(), name="invitation"),
    path("projects", projects.ProjectList.as_view(), name="projects"),
    path("projects/<uuid:uid>", projects.ProjectDetail.as_view(), name="project"),
    path("projects/<uuid:uid>/archive", projects.ProjectArchive.as_view(), name="project-archive"),
    path("keys/<uuid:uid>/project", projects.KeyProject.as_view(), name="key-project"),
    path("agent-tokens", views.AgentTokenList.as_view(), name="agent-tokens"),
    path("agent-tokens/<uuid:uid>", views.AgentTokenDetail.as_view(), name="agent-token"),
    path(
        "agent-tokens/<uuid:uid>/revoke", views.AgentTokenRevocation.as_view(), name="agent-token-revocation"
    ),
    path("operator/organizations", oversight.OverseenList.as_view(), name="overseen-organizations"),
    path("operator/organizations/<uuid:uid>/rate", oversight.Allowance.as_view(), name="organization-rate"),
    path("audit-events", views.AuditTrail.as_view(), name="audit-events"),
]

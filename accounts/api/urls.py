"""Addresses of organizations, members and agent tokens."""

from django.urls import path

from accounts.api import views

urlpatterns = [
    path("organizations", views.OrganizationList.as_view(), name="organizations"),
    path("organizations/<uuid:uid>", views.OrganizationDetail.as_view(), name="organization"),
    path("organizations/<uuid:uid>/members", views.MemberList.as_view(), name="members"),
    path("agent-tokens", views.AgentTokenList.as_view(), name="agent-tokens"),
    path(
        "agent-tokens/<uuid:uid>/revoke", views.AgentTokenRevocation.as_view(), name="agent-token-revocation"
    ),
]

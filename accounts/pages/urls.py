"""Addresses of pages of people."""

from django.urls import include, path

from accounts.pages import invitations, members, views

MEMBERS = "console/<uuid:organization>/members/"

urlpatterns = [
    path("language", views.choose_language, name="language"),
    path("account/preferences/", views.PreferencesPage.as_view(), name="preferences"),
    path("account/", include("allauth.urls")),
    path("console/", views.Console.as_view(), name="console"),
    path("console/organizations/new/", views.OrganizationFounding.as_view(), name="organization-new"),
    path(MEMBERS, members.MembersPage.as_view(), name="members-page"),
    path(
        f"{MEMBERS}invitations/<uuid:invitation>/revoke/",
        invitations.InvitationRevocation.as_view(),
        name="invitation-revoke-page",
    ),
    path("invitations/<str:token>/", invitations.InvitationPage.as_view(), name="invitation-page"),
    path(f"{MEMBERS}<uuid:member>/role/", members.MemberRole.as_view(), name="member-role-page"),
    path(f"{MEMBERS}<uuid:member>/project/", members.MemberPlacement.as_view(), name="member-project-page"),
    path(f"{MEMBERS}<uuid:member>/remove/", members.MemberRemoval.as_view(), name="member-remove-page"),
]

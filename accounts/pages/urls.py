"""Addresses of pages of people."""

from django.urls import include, path

from accounts.pages import views

urlpatterns = [
    path("language", views.choose_language, name="language"),
    path("account/preferences/", views.PreferencesPage.as_view(), name="preferences"),
    path("account/", include("allauth.urls")),
    path("console/", views.Console.as_view(), name="console"),
    path("console/organizations/new/", views.OrganizationFounding.as_view(), name="organization-new"),
    path("console/<uuid:organization>/members/", views.MembersPage.as_view(), name="members-page"),
]

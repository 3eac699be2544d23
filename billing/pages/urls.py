"""Addresses of the overview of an organization and of its keys."""

from django.urls import path

from billing.pages import views

urlpatterns = [
    path("console/<uuid:organization>/", views.Dashboard.as_view(), name="dashboard"),
    path("console/<uuid:organization>/keys/", views.KeysPage.as_view(), name="keys-page"),
    path(
        "console/<uuid:organization>/keys/<uuid:key>/revoke/",
        views.KeyRevocation.as_view(),
        name="key-revoke-page",
    ),
]

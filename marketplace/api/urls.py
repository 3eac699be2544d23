"""Addresses of sites, the catalogue and statements."""

from django.urls import path

from marketplace.api import views

urlpatterns = [
    path("sites", views.SiteList.as_view(), name="sites"),
    path("sites/<uuid:uid>", views.SiteDetail.as_view(), name="site"),
    path("models", views.ModelList.as_view(), name="models"),
    path("wallets/<str:currency>/statement", views.WalletStatement.as_view(), name="statement"),
]

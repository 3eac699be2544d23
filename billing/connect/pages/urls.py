"""Addresses of a provider's account at Stripe."""

from django.urls import path

from billing.connect.pages import accounts

urlpatterns = [
    path("console/<uuid:organization>/stripe-account/", accounts.ConnectPage.as_view(), name="connect-page"),
]

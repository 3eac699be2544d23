"""Addresses of a provider's account at Stripe."""

from django.urls import path

from billing.connect.pages import accounts

ACCOUNT = "console/<uuid:organization>/stripe-account/"

urlpatterns = [
    path(ACCOUNT, accounts.ConnectPage.as_view(), name="connect-page"),
    path(f"{ACCOUNT}onboarding/", accounts.OnboardingPage.as_view(), name="connect-onboarding"),
]

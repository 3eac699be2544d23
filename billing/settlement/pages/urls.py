"""Addresses of what a provider is paid."""

from django.urls import path

from billing.settlement.pages import payouts

CONSOLE = "console/<uuid:organization>/payouts/"

urlpatterns = [
    path(CONSOLE, payouts.PayoutsPage.as_view(), name="payouts-page"),
    path(f"{CONSOLE}<uuid:settlement>/", payouts.AdvicePage.as_view(), name="advice-page"),
]

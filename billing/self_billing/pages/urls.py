"""Addresses of self-billing in the console."""

from django.urls import path

from billing.self_billing.pages import bills

urlpatterns = [
    path(
        "console/<uuid:organization>/self-billing/", bills.SelfBillingPage.as_view(), name="self-billing-page"
    ),
]

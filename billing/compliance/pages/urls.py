"""Addresses of checks before payouts."""

from django.urls import path

from billing.compliance.pages import checks

CHECKS = "console/<uuid:organization>/checks/"

urlpatterns = [
    path(CHECKS, checks.ChecksPage.as_view(), name="checks-page"),
    path(f"{CHECKS}identity/", checks.IdentityPage.as_view(), name="identity-check-page"),
    path(f"{CHECKS}papers/<uuid:document>/", checks.PaperPage.as_view(), name="check-paper-page"),
    path(f"{CHECKS}tax-form/", checks.TaxFormPage.as_view(), name="tax-form-page"),
]

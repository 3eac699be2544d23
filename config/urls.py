"""Addresses of the control plane. The data plane (/v1) is gateway/, and never passes through here."""

from django.contrib import admin
from django.urls import include, path

from config import health, overview

handler400 = "core.error_pages.show_bad_request"
handler403 = "core.error_pages.show_forbidden"
handler404 = "core.error_pages.show_not_found"
handler429 = "core.error_pages.show_too_many"
handler500 = "core.error_pages.show_server_error"

urlpatterns = [
    path("", include("marketplace.pages.urls")),
    path("", include("accounts.pages.urls")),
    path("", include("workers.pages.urls")),
    path("", include("billing.settlement.pages.urls")),
    path("", include("billing.statements.pages.urls")),
    path("", include("billing.self_billing.pages.urls")),
    path("", include("billing.rails.pages.urls")),
    path("", include("billing.compliance.pages.urls")),
    path("", include("billing.connect.pages.urls")),
    path("", include("billing.stripe.pages.urls")),
    path("", include("billing.fx.pages.urls")),
    path("operator/", overview.show_overview, name="operator"),
    path("admin/", admin.site.urls),
    path("api/", include("config.api")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

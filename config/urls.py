"""Addresses of the control plane. The data plane (/v1) is gateway/, and never passes through here."""

from django.contrib import admin
from django.urls import include, path

from config import health

handler404 = "core.problem.answer_not_found"
handler500 = "core.problem.answer_server_error"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("config.api")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

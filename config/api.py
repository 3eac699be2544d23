"""Everything under /api/."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView
from rest_framework.permissions import AllowAny

# The description of the API is public; what it describes is not.
public = {"permission_classes": [AllowAny], "authentication_classes": []}

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(**public), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema", **public), name="docs"),
    path("reference/", SpectacularRedocView.as_view(url_name="schema", **public), name="reference"),
    path("", include("accounts.api.urls")),
    path("", include("billing.api.urls")),
    path("", include("marketplace.api.urls")),
    path("", include("workers.api.urls")),
]

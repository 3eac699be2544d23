"""Addresses of exchange in the console."""

from django.urls import path

from billing.fx.pages import conversions

CONSOLE = "console/<uuid:organization>/convert/"

urlpatterns = [
    path(CONSOLE, conversions.ConvertPage.as_view(), name="convert-page"),
    path(f"{CONSOLE}<uuid:quote>/", conversions.QuotePage.as_view(), name="convert-quote-page"),
]

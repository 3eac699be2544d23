"""Addresses of payout methods and of deposits on chain."""

from django.urls import path

from billing.rails.pages import deposits, methods

CONSOLE = "console/<uuid:organization>/"
METHODS = f"{CONSOLE}payout-methods/"

urlpatterns = [
    path(METHODS, methods.MethodsPage.as_view(), name="payout-methods-page"),
    path(f"{METHODS}new/", methods.MethodNewPage.as_view(), name="payout-method-new-page"),
    path(f"{METHODS}<uuid:method>/<slug:deed>/", methods.MethodDeed.as_view(), name="payout-method-deed"),
    path(f"{CONSOLE}deposits/", deposits.DepositsPage.as_view(), name="deposits-page"),
]

"""Addresses of money in."""

from django.urls import path

from billing.stripe.pages import money

CONSOLE = "console/<uuid:organization>/money/"

urlpatterns = [
    path(CONSOLE, money.MoneyPage.as_view(), name="money-page"),
    path(f"{CONSOLE}<uuid:top_up>/", money.TopUpPage.as_view(), name="top-up-page"),
    path(f"{CONSOLE}recharge/<str:currency>/", money.RechargePage.as_view(), name="recharge-page"),
]

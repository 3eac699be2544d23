"""Addresses of keys, wallets and earnings."""

from django.urls import path

from billing.api import views

urlpatterns = [
    path("keys", views.KeyList.as_view(), name="keys"),
    path("keys/<uuid:uid>/revoke", views.KeyRevocation.as_view(), name="key-revocation"),
    path("keys/<uuid:uid>/limit", views.KeyLimit.as_view(), name="key-limit"),
    path("wallets", views.WalletList.as_view(), name="wallets"),
    path("earnings", views.EarningList.as_view(), name="earnings"),
]

"""Addresses of the market, of an organization's overview and keys, and of wallets."""

from django.urls import path

from marketplace.pages import market, organizations, views

urlpatterns = [
    path("", market.Home.as_view(), name="home"),
    path("board/", market.Board.as_view(), name="board"),
    path("models/<path:slug>/", market.ModelPage.as_view(), name="model-page"),
    path("quotes/<uuid:card>/", market.QuotePage.as_view(), name="quote-page"),
    path("leaderboards/", market.LeaderboardsPage.as_view(), name="leaderboards"),
    path("console/<uuid:organization>/", organizations.Dashboard.as_view(), name="dashboard"),
    path("console/<uuid:organization>/keys/", organizations.KeysPage.as_view(), name="keys-page"),
    path(
        "console/<uuid:organization>/keys/<uuid:key>/revoke/",
        organizations.KeyRevocation.as_view(),
        name="key-revoke-page",
    ),
    path("console/<uuid:organization>/wallet/", views.WalletPage.as_view(), name="wallet-page"),
    path(
        "console/<uuid:organization>/wallet/<str:currency>/", views.WalletPage.as_view(), name="wallet-page"
    ),
]

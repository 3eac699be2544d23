"""Addresses of the front page and of wallets' statements, which name jobs."""

from django.urls import path

from marketplace.pages import views

urlpatterns = [
    path("", views.Home.as_view(), name="home"),
    path("board/", views.Board.as_view(), name="board"),
    path("console/<uuid:organization>/wallet/", views.WalletPage.as_view(), name="wallet-page"),
    path(
        "console/<uuid:organization>/wallet/<str:currency>/", views.WalletPage.as_view(), name="wallet-page"
    ),
]

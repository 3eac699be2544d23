"""Addresses of exchange."""

from django.urls import path

import core.converters  # noqa: F401 - registers what addresses below are made of
from billing.api import fx, fx_operators

BOOK = "operator/fx"

urlpatterns = [
    path("fx/quotes", fx.FxQuoteList.as_view(), name="fx-quotes"),
    path("fx/quotes/<uuid:uid>/convert", fx.FxConversionList.as_view(), name="fx-conversion"),
    path("fx/standing-quotes", fx.FxStandingQuoteList.as_view(), name="fx-standing-quotes"),
    path(f"{BOOK}/rates", fx_operators.RateList.as_view(), name="fx-rates"),
    path(f"{BOOK}/exposure", fx_operators.ExposureList.as_view(), name="fx-exposure"),
    path(f"{BOOK}/limits/<currency:currency>", fx_operators.PositionLimit.as_view(), name="fx-limit"),
    path(
        f"{BOOK}/spreads/<currency:base>/<currency:quote>",
        fx_operators.PairSpread.as_view(),
        name="fx-spread",
    ),
    path(f"{BOOK}/trades", fx_operators.TradeList.as_view(), name="fx-trades"),
    path(f"{BOOK}/revaluations", fx_operators.Revaluation.as_view(), name="fx-revaluations"),
    path("operator/swap-lines", fx_operators.SwapLineList.as_view(), name="swap-lines"),
    path(
        "operator/swap-lines/<uuid:uid>/movements",
        fx_operators.SwapMovementList.as_view(),
        name="swap-movements",
    ),
]

"""Addresses of sites, the catalogue, the market, holds and statements."""

from django.urls import path

import core.converters  # noqa: F401 - registers what addresses below are made of
from marketplace.api import catalogue, energy, events, holds, market, reference, series, tariffs, views

urlpatterns = [
    path("sites", views.SiteList.as_view(), name="sites"),
    path("sites/<uuid:uid>", views.SiteDetail.as_view(), name="site"),
    path("sites/<uuid:uid>/energy", energy.Energy.as_view(), name="site-energy"),
    path("sites/<uuid:uid>/tariffs", tariffs.TariffList.as_view(), name="tariffs"),
    path("sites/<uuid:uid>/events", events.EventList.as_view(), name="events"),
    path(
        "sites/<uuid:uid>/events/<uuid:event>/cancel",
        events.EventCancellation.as_view(),
        name="event-cancellation",
    ),
    path("sites/<uuid:uid>/signal", events.PriceSignal.as_view(), name="site-signal"),
    path("sites/<uuid:uid>/outlook", tariffs.Outlook.as_view(), name="site-outlook"),
    path("series", series.SeriesList.as_view(), name="series"),
    path("series/<slug:slug>", series.SeriesDetail.as_view(), name="one-series"),
    path("series/<slug:slug>/points", series.PointList.as_view(), name="series-points"),
    path("operator/series/<slug:slug>/files", series.FileImport.as_view(), name="series-files"),
    path("operator/feeds", series.FeedList.as_view(), name="feeds"),
    path("reference", reference.TableList.as_view(), name="reference"),
    path("reference/<slug:name>", reference.RowList.as_view(), name="reference-rows"),
    path("operator/sites/<uuid:uid>/events", events.OperatedEvents.as_view(), name="operated-events"),
    path("models", views.ModelList.as_view(), name="models"),
    path("models/<path:slug>", views.ModelDetail.as_view(), name="model"),
    path("market/prices", market.Prices.as_view(), name="market-prices"),
    path("market/prices/ahead", market.PricesAhead.as_view(), name="market-prices-ahead"),
    path("market/quotes/<uuid:card>", market.Quote.as_view(), name="market-quote"),
    path("market/leaderboards/energy", market.EnergyRanks.as_view(), name="market-energy"),
    path("market/leaderboards/prices", market.PriceRanks.as_view(), name="market-asked"),
    path("market/volume", market.Volume.as_view(), name="market-volume"),
    path("operator/models", catalogue.Catalogue.as_view(), name="catalogue"),
    path("holds", holds.HoldList.as_view(), name="holds"),
    path("wallets/<currency:currency>/statement", views.WalletStatement.as_view(), name="statement"),
]

"""Addresses of what a provider does in the console, and of what an operator reads of it."""

from django.urls import path

import core.converters  # noqa: F401 - registers what addresses below are made of
from workers.pages import charges, claims, earnings, exports, income, nodes, offers, sites, terms, trade

CONSOLE = "console/<uuid:organization>/"
SITE, OFFER = f"{CONSOLE}sites/<uuid:site>/", f"{CONSOLE}offers/<uuid:offer>/"

urlpatterns = [
    path(f"{CONSOLE}sites/", sites.SiteListPage.as_view(), name="sites-page"),
    path(f"{CONSOLE}sites/new/", sites.SiteNewPage.as_view(), name="site-new-page"),
    path(SITE, sites.SitePage.as_view(), name="site-page"),
    path(f"{SITE}change/", sites.SiteChangePage.as_view(), name="site-change-page"),
    path(f"{SITE}tariff/", sites.TariffPage.as_view(), name="tariff-page"),
    path(f"{SITE}energy/", sites.EnergyPage.as_view(), name="energy-page"),
    path(f"{SITE}nodes/", nodes.NodesPage.as_view(), name="nodes-page"),
    path(f"{SITE}offers/new/", offers.OfferNewPage.as_view(), name="offer-new-page"),
    path(OFFER, offers.OfferPage.as_view(), name="offer-page"),
    path(f"{OFFER}serving/", offers.ServingPage.as_view(), name="serving-page"),
    path(f"{OFFER}terms/", terms.TermsPage.as_view(), name="terms-page"),
    path(f"{OFFER}<slug:deed>/", offers.OfferDeed.as_view(), name="offer-deed-page"),
    path("operator/exports/", exports.show_exports, name="exports-page"),
    path("operator/trade/", trade.show_trade, name="trade-page"),
    path(f"{CONSOLE}charges/<uuid:job>/", charges.ChargePage.as_view(), name="charge-page"),
    path(f"{CONSOLE}charges/<uuid:job>/claim/", claims.ClaimNewPage.as_view(), name="claim-new-page"),
    path(f"{CONSOLE}claims/", claims.ClaimsPage.as_view(), name="claims-page"),
    path(f"{CONSOLE}claims/<uuid:claim>/", claims.ClaimPage.as_view(), name="claim-page"),
    path(f"{CONSOLE}claims/<uuid:claim>/files/", claims.ClaimFilesPage.as_view(), name="claim-files-page"),
    path(
        f"{CONSOLE}claims/<uuid:claim>/files/<uuid:file>/",
        claims.ClaimFilePage.as_view(),
        name="claim-file-page",
    ),
    path(f"{CONSOLE}earnings/", earnings.EarningsPage.as_view(), name="earnings-page"),
    path(f"{CONSOLE}earnings/<currency:currency>/", income.IncomePage.as_view(), name="income-page"),
    path(f"{CONSOLE}earnings/<currency:currency>/csv/", income.IncomeCsv.as_view(), name="income-csv"),
]

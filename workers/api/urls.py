"""Addresses of nodes, offers and jobs."""

from django.urls import path

from workers.api import offers, views

urlpatterns = [
    path("nodes", views.NodeList.as_view(), name="nodes"),
    path("nodes/<uuid:uid>", views.NodeDetail.as_view(), name="node"),
    path("nodes/<uuid:uid>/retire", views.NodeRetirement.as_view(), name="node-retirement"),
    path("offers", offers.OfferList.as_view(), name="offers"),
    path("offers/<uuid:uid>", offers.OfferDetail.as_view(), name="offer"),
    path("offers/<uuid:uid>/endpoint", offers.OfferEndpoint.as_view(), name="offer-endpoint"),
    path("offers/<uuid:uid>/serving", offers.OfferServing.as_view(), name="offer-serving"),
    path("offers/<uuid:uid>/cards", offers.CardList.as_view(), name="cards"),
    path("offers/<uuid:uid>/live", offers.OfferLive.as_view(), name="offer-live"),
    path("offers/<uuid:uid>/pause", offers.OfferPause.as_view(), name="offer-pause"),
    path("offers/<uuid:uid>/withdraw", offers.OfferWithdrawal.as_view(), name="offer-withdrawal"),
    path("jobs", views.JobList.as_view(), name="jobs"),
    path("jobs/<uuid:uid>", views.JobDetail.as_view(), name="job"),
    path("jobs/<uuid:uid>/cancel", views.JobCancellation.as_view(), name="job-cancellation"),
]

"""Addresses of nodes, offers, jobs, usage, attempts, and of flags for operators."""

from django.urls import path

from workers.api import admissions, agents, events, exports, flags, offers, receipts, upstreams, usage, views

urlpatterns = [
    path("agent", agents.AgentDetail.as_view(), name="agent"),
    path("agents/enrol", agents.AgentEnrolment.as_view(), name="agent-enrolment"),
    path("nodes", views.NodeList.as_view(), name="nodes"),
    path("nodes/<uuid:uid>", views.NodeDetail.as_view(), name="node"),
    path("nodes/<uuid:uid>/drain", views.NodeDrain.as_view(), name="node-drain"),
    path("nodes/<uuid:uid>/resume", views.NodeResumption.as_view(), name="node-resumption"),
    path("nodes/<uuid:uid>/retire", views.NodeRetirement.as_view(), name="node-retirement"),
    path("nodes/<uuid:uid>/upstream", upstreams.NodeUpstream.as_view(), name="node-upstream"),
    path("nodes/<uuid:uid>/events", events.NodeEventList.as_view(), name="node-events"),
    path("nodes/<uuid:uid>/keys", receipts.NodeKeyList.as_view(), name="node-keys"),
    path("nodes/<uuid:uid>/receipts", receipts.NodeReceiptList.as_view(), name="node-receipts"),
    path("nodes/<uuid:uid>/enrolments", agents.EnrolmentList.as_view(), name="enrolments"),
    path("offers", offers.OfferList.as_view(), name="offers"),
    path("offers/<uuid:uid>", offers.OfferDetail.as_view(), name="offer"),
    path("offers/<uuid:uid>/endpoint", offers.OfferEndpoint.as_view(), name="offer-endpoint"),
    path("offers/<uuid:uid>/serving", offers.OfferServing.as_view(), name="offer-serving"),
    path("offers/<uuid:uid>/quote", offers.OfferQuote.as_view(), name="offer-quote"),
    path("offers/<uuid:uid>/cards/<int:number>", offers.CardDetail.as_view(), name="card"),
    path("offers/<uuid:uid>/cards", offers.CardList.as_view(), name="cards"),
    path("offers/<uuid:uid>/live", offers.OfferLive.as_view(), name="offer-live"),
    path("offers/<uuid:uid>/pause", offers.OfferPause.as_view(), name="offer-pause"),
    path("offers/<uuid:uid>/withdraw", offers.OfferWithdrawal.as_view(), name="offer-withdrawal"),
    path("jobs", views.JobList.as_view(), name="jobs"),
    path("jobs/<uuid:uid>", views.JobDetail.as_view(), name="job"),
    path("jobs/<uuid:uid>/cancel", views.JobCancellation.as_view(), name="job-cancellation"),
    path("jobs/<uuid:uid>/receipt", receipts.JobReceipt.as_view(), name="job-receipt"),
    path("usage", usage.UsageList.as_view(), name="usage"),
    path("attempts", usage.AttemptList.as_view(), name="attempts"),
    path("attempts/<uuid:uid>", usage.AttemptDetail.as_view(), name="attempt"),
    path("attempts/<uuid:uid>/receipt", receipts.AttemptReceipt.as_view(), name="attempt-receipt"),
    path("operator/upstreams", admissions.SubmittedList.as_view(), name="submitted-upstreams"),
    path("operator/upstreams/<uuid:uid>/admit", admissions.Admission.as_view(), name="upstream-admission"),
    path("operator/upstreams/<uuid:uid>/refuse", admissions.Refusal.as_view(), name="upstream-refusal"),
    path("operator/exports", exports.ExportList.as_view(), name="exports"),
    path("operator/flags", flags.FlagList.as_view(), name="flags"),
    path("operator/flags/<int:number>/resolve", flags.FlagResolving.as_view(), name="flag-resolution"),
]

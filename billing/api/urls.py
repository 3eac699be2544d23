"""Addresses of keys, wallets, accounts and earnings, and of money for operators."""

from django.urls import path

import core.converters  # noqa: F401 - registers what addresses below are made of
from billing.api import (
    approvals,
    bookings,
    books,
    limits,
    operators,
    payouts,
    periods,
    settlements,
    stripe,
    views,
)

BATCH = "operator/settlements/<uuid:uid>"
ACCOUNT = "accounts/<purpose:purpose>/<currency:currency>"

urlpatterns = [
    path("keys", views.KeyList.as_view(), name="keys"),
    path("keys/<uuid:uid>", views.KeyDetail.as_view(), name="key"),
    path("keys/<uuid:uid>/revoke", views.KeyRevocation.as_view(), name="key-revocation"),
    path("keys/<uuid:uid>/limit", views.KeyLimit.as_view(), name="key-limit"),
    path("keys/<uuid:uid>/rate", views.KeyRate.as_view(), name="key-rate"),
    path("limits", limits.LimitList.as_view(), name="limits"),
    path("limits/<uuid:uid>", limits.LimitDetail.as_view(), name="limit"),
    path("test-money", limits.TestMoney.as_view(), name="test-money"),
    path("wallets", views.WalletList.as_view(), name="wallets"),
    path("wallets/<currency:currency>", books.WalletDetail.as_view(), name="wallet"),
    path("accounts", books.AccountList.as_view(), name="accounts"),
    path(ACCOUNT, books.AccountDetail.as_view(), name="account"),
    path(f"{ACCOUNT}/entries", books.MovementList.as_view(), name="account-entries"),
    path("operator/quarantine", operators.QuarantineList.as_view(), name="quarantine"),
    path(
        "operator/quarantine/<int:usage>/requeue",
        operators.QuarantineRelease.as_view(),
        name="quarantine-release",
    ),
    path("operator/periods", periods.PeriodList.as_view(), name="periods"),
    path("operator/periods/<day:ends_on>/close", periods.PeriodClosing.as_view(), name="period-closing"),
    path("operator/trial-balance", operators.TrialBalanceDetail.as_view(), name="trial-balance"),
    path("operator/approvals", approvals.ApprovalList.as_view(), name="approvals"),
    path("operator/approvals/<uuid:uid>", approvals.ApprovalDetail.as_view(), name="approval"),
    path(
        "operator/approvals/<uuid:uid>/approve",
        approvals.ApprovalDecision.as_view(),
        name="approval-decision",
    ),
    path(
        "operator/approvals/<uuid:uid>/reject", approvals.ApprovalRefusal.as_view(), name="approval-refusal"
    ),
    path("operator/settlements", settlements.BatchList.as_view(), name="settlement-batches"),
    path(f"{BATCH}", settlements.BatchDetail.as_view(), name="settlement-batch"),
    path(f"{BATCH}/items", settlements.BatchItems.as_view(), name="settlement-items"),
    path(f"{BATCH}/submit", settlements.BatchSubmission.as_view(), name="settlement-submission"),
    path(f"{BATCH}/approve", settlements.BatchDecision.as_view(), name="settlement-decision"),
    path(f"{BATCH}/void", settlements.BatchVoid.as_view(), name="settlement-void"),
    path(f"{BATCH}/execute", settlements.BatchExecution.as_view(), name="settlement-execution"),
    path("operator/payouts", settlements.OperatedPayoutList.as_view(), name="operated-payouts"),
    path("operator/payouts/<uuid:uid>/steps", settlements.PayoutSteps.as_view(), name="payout-steps"),
    path("operator/payout-terms/<currency:currency>", settlements.TermsDetail.as_view(), name="payout-terms"),
    path("operator/entries", bookings.EntryList.as_view(), name="entries"),
    path("operator/entries/<int:number>/reverse", bookings.EntryReversal.as_view(), name="entry-reversal"),
    path("operator/top-ups", bookings.TopUpList.as_view(), name="top-ups"),
    path("operator/charges/<int:usage>/refund", bookings.ChargeRefund.as_view(), name="charge-refund"),
    path("payouts", payouts.PayoutList.as_view(), name="payouts"),
    path("payouts/<uuid:uid>", payouts.PayoutDetail.as_view(), name="payout"),
    path("payout-schedule", payouts.ScheduleDetail.as_view(), name="payout-schedule"),
    path("settlements", payouts.SettlementList.as_view(), name="settlements"),
    path("settlements/<uuid:uid>", payouts.SettlementDetail.as_view(), name="settlement"),
    path("settlements/<uuid:uid>/advice", payouts.SettlementAdvice.as_view(), name="settlement-advice"),
    path(
        "settlements/<uuid:uid>/advice.csv",
        payouts.SettlementAdviceFile.as_view(),
        name="settlement-advice-file",
    ),
    path("earnings", views.EarningList.as_view(), name="earnings"),
    path("top-ups", stripe.OnlineTopUpList.as_view(), name="online-top-ups"),
    path("top-ups/<uuid:uid>", stripe.OnlineTopUpDetail.as_view(), name="online-top-up"),
    path("top-ups/<uuid:uid>/refunds", stripe.TopUpRefundList.as_view(), name="top-up-refunds"),
    path("top-up-terms", stripe.TermsList.as_view(), name="top-up-terms"),
    path("recharges", stripe.RechargeList.as_view(), name="recharges"),
    path("recharges/<currency:currency>", stripe.RechargeDetail.as_view(), name="recharge"),
    path("stripe/webhook", stripe.receive_event, name="stripe-webhook"),
]

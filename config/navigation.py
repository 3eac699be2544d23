"""What stands beside the admin's pages: by what an operator wants to do, not by the names of tables."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy

GROUPS: tuple[tuple[str, tuple[tuple[str, str, str, str], ...]], ...] = (
    (
        "To decide",
        (
            ("Approvals", "approval", "billing_approval_changelist", "billing.view_approval"),
            ("Settlements", "payments", "billing_settlementbatch_changelist", "billing.view_settlementbatch"),
            ("Bank lines", "help_center", "billing_bankline_changelist", "billing.view_bankline"),
            ("Deposits of USDC", "token", "billing_chaindeposit_changelist", "billing.view_chaindeposit"),
            ("Claims", "feedback", "workers_answerclaim_changelist", "workers.view_answerclaim"),
            ("Disputes", "gavel", "billing_stripedispute_changelist", "billing.view_stripedispute"),
            (
                "Charges in quarantine",
                "emergency_home",
                "billing_chargequarantine_changelist",
                "billing.view_charge",
            ),
            (
                "Checks of providers",
                "badge",
                "billing_compliancestep_changelist",
                "billing.view_compliancestep",
            ),
            ("Names to judge", "person_search", "billing_screening_changelist", "billing.view_screening"),
        ),
    ),
    (
        "Money out",
        (
            ("Payouts", "send_money", "billing_payout_changelist", "billing.view_payout"),
            (
                "Payouts that wait for files",
                "schedule_send",
                "billing_railfile_waiting",
                "billing.change_railfile",
            ),
            ("Payout files", "description", "billing_railfile_changelist", "billing.view_railfile"),
            (
                "Payout methods",
                "account_balance_wallet",
                "billing_payoutmethod_changelist",
                "billing.view_payoutmethod",
            ),
            ("Payout terms", "tune", "billing_payoutterm_changelist", "billing.view_payoutterm"),
        ),
    ),
    (
        "Money in and across",
        (
            ("Hand in statements", "upload_file", "billing_bank_import", "billing.add_bankstatement"),
            (
                "Bank statements",
                "account_balance",
                "billing_bankstatement_changelist",
                "billing.view_bankstatement",
            ),
            (
                "Top-ups through Stripe",
                "credit_card",
                "billing_stripetopup_changelist",
                "billing.view_stripetopup",
            ),
            ("Free starts", "redeem", "billing_freestart_changelist", "billing.view_freestart"),
            ("FX book", "currency_exchange", "billing_fx_book", "billing.view_fxposition"),
            ("Invoices", "receipt_long", "billing_invoice_changelist", "billing.view_invoice"),
        ),
    ),
    (
        "Books",
        (
            ("Trial balance", "balance", "billing_trial_balance", "billing.view_ledgeraccount"),
            ("Accounts", "account_tree", "billing_ledgeraccount_changelist", "billing.view_ledgeraccount"),
            ("Entries", "receipt", "billing_entry_changelist", "billing.view_entry"),
            (
                "Reconciliation",
                "rule",
                "billing_reconciliationrun_changelist",
                "billing.view_reconciliationrun",
            ),
            (
                "Periods",
                "event_available",
                "billing_accountingperiod_changelist",
                "billing.view_accountingperiod",
            ),
            (
                "Booking entities",
                "domain",
                "billing_organizationentity_changelist",
                "billing.view_organizationentity",
            ),
            ("Audit trail", "history", "accounts_auditevent_changelist", "accounts.view_auditevent"),
        ),
    ),
)
"""Groups of (title, symbol, page, right that its page asks for)."""


def list_groups(request: HttpRequest) -> list[dict[str, Any]]:
    """As the admin reads it, for whoever asks: what waits for people is counted."""
    user = request.user
    return [
        {
            "title": title,
            "separator": True,
            "collapsible": True,
            "items": [
                {"title": _name(name), "icon": icon, "link": reverse_lazy(f"admin:{page}")}
                for name, icon, page, right in items
                if user.has_perm(right)
            ],
        }
        for title, items in GROUPS
    ]


def _name(name: str) -> str:
    waiting = _count_waiting(name)
    return f"{name} ({waiting})" if waiting else name


def _count_waiting(name: str) -> int:
    """Approvals that wait for a second person, claims for a decision, disputes for evidence."""
    # Settings name this module before there are models.
    from billing.models import Approval, StripeDispute
    from billing.stripe import evidence
    from workers import claims
    from workers.models import AnswerClaim

    match name:
        case "Approvals":
            return Approval.objects.filter(state=Approval.State.PENDING).count()
        case "Claims":
            return AnswerClaim.objects.filter(state__in=claims.WAITING).count()
        case "Disputes":
            return StripeDispute.objects.filter(status__in=evidence.WANTED).count()
    return 0

"""What stands beside the admin's pages: by what an operator wants to do, not by the names of tables."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

type Word = str | Promise

GROUPS: tuple[tuple[Word, tuple[tuple[Word, str, str, str], ...]], ...] = (
    (
        _("To decide"),
        (
            (_("Approvals"), "approval", "billing_approval_changelist", "billing.view_approval"),
            (
                _("Settlements"),
                "payments",
                "billing_settlementbatch_changelist",
                "billing.view_settlementbatch",
            ),
            (_("Bank lines"), "help_center", "billing_bankline_changelist", "billing.view_bankline"),
            (_("Deposits of USDC"), "token", "billing_chaindeposit_changelist", "billing.view_chaindeposit"),
            (_("Claims"), "feedback", "workers_answerclaim_changelist", "workers.view_answerclaim"),
            (_("Disputes"), "gavel", "billing_stripedispute_changelist", "billing.view_stripedispute"),
            (
                _("Charges in quarantine"),
                "emergency_home",
                "billing_chargequarantine_changelist",
                "billing.view_charge",
            ),
            (
                _("Checks of providers"),
                "badge",
                "billing_compliancestep_changelist",
                "billing.view_compliancestep",
            ),
            (_("Names to judge"), "person_search", "billing_screening_changelist", "billing.view_screening"),
        ),
    ),
    (
        _("Money out"),
        (
            (_("Payouts"), "send_money", "billing_payout_changelist", "billing.view_payout"),
            (
                _("Payouts that wait for files"),
                "schedule_send",
                "billing_railfile_waiting",
                "billing.change_railfile",
            ),
            (_("Payout files"), "description", "billing_railfile_changelist", "billing.view_railfile"),
            (
                _("Payout methods"),
                "account_balance_wallet",
                "billing_payoutmethod_changelist",
                "billing.view_payoutmethod",
            ),
            (_("Payout terms"), "tune", "billing_payoutterm_changelist", "billing.view_payoutterm"),
        ),
    ),
    (
        _("Money in and across"),
        (
            (_("Hand in statements"), "upload_file", "billing_bank_import", "billing.add_bankstatement"),
            (
                _("Bank statements"),
                "account_balance",
                "billing_bankstatement_changelist",
                "billing.view_bankstatement",
            ),
            (
                _("Top-ups through Stripe"),
                "credit_card",
                "billing_stripetopup_changelist",
                "billing.view_stripetopup",
            ),
            (_("Free starts"), "redeem", "billing_freestart_changelist", "billing.view_freestart"),
            (_("FX book"), "currency_exchange", "billing_fx_book", "billing.view_fxposition"),
            (_("Invoices"), "receipt_long", "billing_invoice_changelist", "billing.view_invoice"),
        ),
    ),
    (
        _("Books"),
        (
            (_("Trial balance"), "balance", "billing_trial_balance", "billing.view_ledgeraccount"),
            (_("Accounts"), "account_tree", "billing_ledgeraccount_changelist", "billing.view_ledgeraccount"),
            (_("Entries"), "receipt", "billing_entry_changelist", "billing.view_entry"),
            (
                _("Reconciliation"),
                "rule",
                "billing_reconciliationrun_changelist",
                "billing.view_reconciliationrun",
            ),
            (
                _("Periods"),
                "event_available",
                "billing_accountingperiod_changelist",
                "billing.view_accountingperiod",
            ),
            (
                _("Booking entities"),
                "domain",
                "billing_organizationentity_changelist",
                "billing.view_organizationentity",
            ),
            (_("Audit trail"), "history", "accounts_auditevent_changelist", "accounts.view_auditevent"),
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
                {"title": _name(name, page), "icon": icon, "link": reverse_lazy(f"admin:{page}")}
                for name, icon, page, right in items
                if user.has_perm(right)
            ],
        }
        for title, items in GROUPS
    ]


def _name(name: Word, page: str) -> Word:
    waiting = _count_waiting(page)
    return f"{name} ({waiting})" if waiting else name


def _count_waiting(page: str) -> int:
    """Approvals that wait for a second person, claims for a decision, disputes for evidence."""
    # Settings name this module before there are models.
    from billing.models import Approval, StripeDispute
    from billing.stripe import evidence
    from workers import claims
    from workers.models import AnswerClaim

    match page:
        case "billing_approval_changelist":
            return Approval.objects.filter(state=Approval.State.PENDING).count()
        case "workers_answerclaim_changelist":
            return AnswerClaim.objects.filter(state__in=claims.WAITING).count()
        case "billing_stripedispute_changelist":
            return StripeDispute.objects.filter(status__in=evidence.WANTED).count()
    return 0

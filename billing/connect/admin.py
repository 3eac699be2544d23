"""Operators' pages of providers' accounts at Stripe, and of transfers to them; to read."""

from django.contrib import admin

from billing.links import BooksAdmin
from billing.models import ConnectAccount, ConnectTransfer


@admin.register(ConnectAccount)
class ConnectAccountAdmin(BooksAdmin):
    """Accounts as Stripe told of them last."""

    list_display = ("organization", "account_id", "country", "state", "missing", "reason", "told_at")
    list_filter = ("state", "country")
    search_fields = ("account_id",)
    id_fields = ("organization_id",)
    ordering = ("-organization_id",)


@admin.register(ConnectTransfer)
class ConnectTransferAdmin(BooksAdmin):
    """Transfers; FAILED ones wait to be taken back."""

    list_display = ("payout", "account_id", "state", "transfer_id", "bank_payout_id", "reversal_id", "reason")
    list_filter = ("state",)
    search_fields = ("account_id", "transfer_id", "bank_payout_id")
    id_fields = ("payout_id",)
    ordering = ("-payout_id",)

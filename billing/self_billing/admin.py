"""For operators: who agreed to self-billing."""

from django.contrib import admin

from billing.links import BooksAdmin
from billing.models import SelfBillingAgreement


@admin.register(SelfBillingAgreement)
class SelfBillingAgreementAdmin(BooksAdmin):
    """That providers let the platform issue their invoices; their bills are among the invoices."""

    list_display = ("organization", "version", "agreed_at", "agreed_by", "ended_at")
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "version")
    list_select_related = ("organization",)
    id_fields = ("organization_id",)
    search_fields = ("uid", "organization__name")
    ordering = ("-id",)

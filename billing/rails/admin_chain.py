"""Operators' pages of USDC: addresses of the platform's wallet, and what arrived there."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from billing.approving.admin import name_person
from billing.links import BooksAdmin, link, table
from billing.models import Approval, ChainAddress, ChainDeposit
from billing.rails.acting import act_on_deposit
from billing.rails.admin import ActingAdmin, find_actor
from billing.rails.chain import assignment, deposits
from core.errors import DomainError

ADDRESSES_MAX = 1000


class AddressesForm(forms.Form):
    """Addresses of the wallet, one a line."""

    addresses = forms.CharField(widget=forms.Textarea, max_length=44 * ADDRESSES_MAX)


@admin.register(ChainAddress)
class ChainAddressAdmin(BooksAdmin):
    """Addresses of the platform's wallet, and whose deposits go there."""

    list_display = ("id", "address", "organization", "added_at", "assigned_at")
    list_filter = (("organization", admin.EmptyFieldListFilter),)
    list_select_related = ("organization",)
    search_fields = ("address", "organization__name", "organization__uid")
    change_list_template = "billing/rails/admin_addresses.html"

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the form for more."""
        page = self.admin_site.admin_view(self.add_addresses_view)
        return [path("more/", page, name="billing_chainaddress_more"), *super().get_urls()]

    def add_addresses_view(self, request: HttpRequest) -> HttpResponse:
        """
        Add addresses, one a line.

        :raises PermissionDenied: for staff who may not
        """
        if not request.user.has_perm("billing.add_chainaddress"):
            raise PermissionDenied
        form = AddressesForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                added = deposits.add_addresses(
                    addresses=form.cleaned_data["addresses"].split(),
                    actor=find_actor(request),
                    now=timezone.now(),
                )
            except DomainError as refusal:
                form.add_error("addresses", refusal.message)
            else:
                self.message_user(request, f"{added} addresses are new.", messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:billing_chainaddress_changelist"))
        context = {**self.admin_site.each_context(request), "title": "More addresses", "form": form}
        return TemplateResponse(request, "billing/rails/admin_more.html", context)


@admin.register(ChainDeposit)
class ChainDepositAdmin(ActingAdmin):
    """USDC that arrived; without an organization it is in suspense until two people say whose it is."""

    right = "billing.change_chaindeposit"
    list_display = (
        *("id", "amount", "state", "organization", "recipient", "sender", "block_number", "seen_at"),
        *("credited_at", "credit"),
    )
    readonly_fields = ("said",)
    list_filter = ("state", ("organization", admin.EmptyFieldListFilter))
    list_select_related = ("organization",)
    search_fields = ("tx_hash", "recipient", "sender", "organization__name")

    @admin.display(description="entry")
    def credit(self, deposit: ChainDeposit) -> SafeString:
        """What credited it."""
        return link("billing_entry", deposit.entry_id)

    @admin.display(description="what was said")
    def said(self, deposit: ChainDeposit) -> SafeString:
        """Whose somebody said that it is, and what became of that."""
        rows = Approval.objects.filter(kind=assignment.KIND, subject=str(deposit.pk)).order_by("-id")
        return table(
            ("at", "by", "organization", "reason", "state", "look"),
            (
                (
                    *(row.prepared_at, name_person(row.prepared_by), row.content["name"]),
                    *(row.content["reason"], row.state, link("billing_approval", row.pk)),
                )
                for row in rows
            ),
        )

    def list_deeds(self, row: ChainDeposit) -> tuple[str, ...]:
        """Name the owner of what waits."""
        return ("assign",) if assignment.is_waiting(row) else ()

    def do(self, name: str, row: Any, form: forms.Form, request: HttpRequest) -> HttpResponse | str:
        """Under the operator's name."""
        return act_on_deposit(name, row, form.cleaned_data, actor=find_actor(request), now=timezone.now())

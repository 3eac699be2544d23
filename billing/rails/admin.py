"""Operators' pages of rails: methods to check, files to make and hand over, deposits on chain."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.audit import Actor
from accounts.models import User
from billing.approving.admin import name_person
from billing.links import BooksAdmin, link, table
from billing.models import Approval, ChainAddress, ChainDeposit, PayerAccount, PayoutMethod, RailFile
from billing.rails import files, methods, payers
from billing.rails.acting import ACTS, act_on_deposit, act_on_file, act_on_method
from billing.rails.chain import assignment, deposits
from core.errors import DomainError

LINES_SHOWN = 200
ADDRESSES_MAX = 1000


def find_actor(request: HttpRequest) -> Actor:
    """The operator."""
    assert isinstance(request.user, User)  # noqa: S101 - the admin lets in nobody else
    return Actor.from_user(request.user)


class ActingAdmin(BooksAdmin):
    """Rows that are looked at, with deeds below; `right` is what doing one takes."""

    right = ""
    change_form_template = "billing/rails/admin_change.html"

    def list_forms(self, row: Any) -> dict[str, forms.Form]:
        """The deeds that are possible now, each with what it asks for."""
        return {name: ACTS[name]() for name in self.list_deeds(row)}

    def list_deeds(self, row: Any) -> tuple[str, ...]:
        """Names of the deeds that are possible now."""
        raise NotImplementedError

    def do(self, name: str, row: Any, form: forms.Form, request: HttpRequest) -> HttpResponse | str:
        """Do one; answers what to say, or a file."""
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """
        The row, and what can be done with it.

        :raises PermissionDenied: for staff who may not do it
        """
        row = self.get_object(request, object_id) if self.has_view_permission(request) else None
        may = request.user.has_perm(self.right)
        if request.method == "POST" and row is not None:
            if not may:
                raise PermissionDenied
            return self._act(request, row)
        deeds = self.list_forms(row) if may and row is not None else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "deeds": deeds})

    def _act(self, request: HttpRequest, row: Any) -> HttpResponse:
        name = request.POST.get("deed", "")
        back = HttpResponseRedirect(request.path)
        if name not in self.list_deeds(row):
            self.message_user(request, "This cannot be done with it now.", messages.ERROR)
            return back
        form = ACTS[name](request.POST, request.FILES)
        if not form.is_valid():
            self.message_user(request, " ".join(form.errors.as_text().split()), messages.ERROR)
            return back
        try:
            said = self.do(name, row, form, request)
        except DomainError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            return back
        if isinstance(said, HttpResponse):
            return said
        self.message_user(request, said, messages.SUCCESS)
        return back


@admin.register(PayoutMethod)
class PayoutMethodAdmin(ActingAdmin):
    """Where providers want to be paid; somebody else than who added one checks it."""

    right = "billing.change_payoutmethod"
    list_display = (
        *("id", "organization", "rail", "currency", "country", "hint", "state", "reason", "added_at"),
        *("payable_from", "verified_at"),
    )
    list_filter = ("state", "rail", "currency", "country")
    list_select_related = ("organization",)
    search_fields = ("uid", "hint", "organization__name", "organization__uid")
    exclude = ("details", "key_id", "fingerprint")
    readonly_fields = ("same_account",)

    @admin.display(description="same account elsewhere")
    def same_account(self, method: PayoutMethod) -> SafeString:
        """Other organizations that are paid there: one person behind several names, or a stolen account."""
        rows = PayoutMethod.objects.filter(fingerprint=method.fingerprint).exclude(pk=method.pk)
        return table(
            ("method", "organization", "state"),
            (
                (link("billing_payoutmethod", row.pk), row.organization, row.state)
                for row in rows.select_related("organization")[:LINES_SHOWN]
            ),
        )

    def list_deeds(self, row: PayoutMethod) -> tuple[str, ...]:
        """Look, verify, block; nothing of what was removed."""
        match row.state:
            case methods.State.RETIRED:
                return ()
            case methods.State.READY:
                return ("show", "block")
            case methods.State.BLOCKED:
                return ("show", "verify")
        return ("show", "verify", "block")

    def do(self, name: str, row: Any, form: forms.Form, request: HttpRequest) -> HttpResponse | str:
        """Under the operator's name."""
        return act_on_method(name, row, form.cleaned_data, actor=find_actor(request), now=timezone.now())


class MakeForm(forms.Form):
    """Which payouts to make a file of."""

    rail = forms.CharField(widget=forms.HiddenInput)
    currency = forms.CharField(widget=forms.HiddenInput)


@admin.register(RailFile)
class RailFileAdmin(ActingAdmin):
    """Files of payouts: made, approved by another person, handed over, followed."""

    right = "billing.change_railfile"
    list_display = (
        *("id", "name", "rail", "currency", "payments", "total", "state", "maker", "made_at", "sent_at"),
    )
    list_filter = ("state", "rail", "currency")
    search_fields = ("uid", "name", "sha256", "external_id")
    exclude = ("content", "key_id")
    readonly_fields = ("agreed", "payouts", "answers")
    change_list_template = "billing/rails/admin_files.html"

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, what waits for a file."""
        page = self.admin_site.admin_view(self.waiting_view)
        return [path("waiting/", page, name="billing_railfile_waiting"), *super().get_urls()]

    @admin.display(description="made by")
    def maker(self, file: RailFile) -> str:
        """The person's address."""
        return name_person(file.made_by)

    @admin.display(description="payouts")
    def payouts(self, file: RailFile) -> SafeString:
        """What it tells to pay."""
        rows = file.lines.select_related("payout__organization").order_by("payout_id")[:LINES_SHOWN]
        return table(
            ("payout", "organization", "amount", "state"),
            (
                (
                    link("billing_payout", row.payout_id),
                    *(row.payout.organization, row.payout.amount, row.payout.state),
                )
                for row in rows
            ),
        )

    @admin.display(description="approval")
    def agreed(self, file: RailFile) -> SafeString:
        """Where somebody else says yes to it, and whether somebody has."""
        asked = Approval.objects.filter(kind=files.KIND, subject=str(file.uid)).last()
        text = f"the approval: {asked.get_state_display()}" if asked else ""
        return link("billing_approval", asked.pk if asked else None, text)

    @admin.display(description="answers")
    def answers(self, file: RailFile) -> SafeString:
        """What came back, by its hash."""
        rows = file.answers.order_by("id")
        return table(
            ("at", "by", "SHA-256"),
            ((row.received_at, name_person(row.received_by), row.sha256) for row in rows),
        )

    def waiting_view(self, request: HttpRequest) -> HttpResponse:
        """
        What waits for files, and a button for each.

        :raises PermissionDenied: for staff who may not make any
        """
        if not request.user.has_perm(self.right):
            raise PermissionDenied
        form = MakeForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                made = files.make_file(**form.cleaned_data, actor=find_actor(request), now=timezone.now())
            except DomainError as refusal:
                self.message_user(request, refusal.message, messages.ERROR)
            else:
                for payout, reason in made.left_out[:LINES_SHOWN]:
                    self.message_user(request, f"Left out: payout {payout.pk}. {reason}", messages.WARNING)
                self.message_user(request, "Made. Somebody else has to approve it.", messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:billing_railfile_change", args=[made.file.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": "Payouts that wait for files",
            "waiting": files.list_waiting(),
        }
        return TemplateResponse(request, "billing/rails/admin_waiting.html", context)

    def list_deeds(self, row: RailFile) -> tuple[str, ...]:
        """Take it, hand it over or throw it away; then say what came back."""
        match row.state:
            case files.State.MADE:
                return ("hand_over", "void")
            case files.State.SENT:
                return ("download", {"usdc": "transaction", "manual": "paid"}.get(row.rail, "answer"))
        return ()

    def do(self, name: str, row: Any, form: forms.Form, request: HttpRequest) -> HttpResponse | str:
        """Under the operator's name."""
        return act_on_file(name, row, form.cleaned_data, actor=find_actor(request), now=timezone.now())


class PayerForm(forms.ModelForm):  # type: ignore[type-arg]
    """The account to pay a currency from, as a payee would describe it."""

    class Meta:
        model = PayerAccount
        fields = ("currency", "details")
        help_texts = {
            "details": "country, name, city and what an account there has: iban, bic; bank_code, account;"
            " cnaps, bank, account; routing, account. Also purpose and bop_code, if not trade in services.",
        }

    def clean(self) -> dict[str, Any]:
        """Check the account as a payee's is checked."""
        given: dict[str, Any] = super().clean() or {}
        details = given.get("details")
        if isinstance(details, dict) and all(isinstance(value, str) for value in details.values()):
            try:
                payers.check_payer(currency=given.get("currency", ""), details=details)
            except DomainError as refusal:
                self.add_error("details", f"{refusal.extra.get('field', '')}: {refusal.message}")
        else:
            self.add_error("details", "An object of texts.")
        return given


@admin.register(PayerAccount)
class PayerAccountAdmin(BooksAdmin):
    """Accounts that banks' files pay from."""

    form = PayerForm
    list_display = ("currency", "rail", "changed_at")
    ordering = ("currency",)
    search_fields = ("currency",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may add rows of this table."""
        return request.user.has_perm("billing.add_payeraccount")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may change rows of this table."""
        return request.user.has_perm("billing.change_payeraccount")

    def save_model(self, request: HttpRequest, obj: PayerAccount, form: Any, change: bool) -> None:
        """Enter it under the operator's name."""
        made = payers.set_payer(
            currency=obj.currency,
            country=obj.details["country"],
            details=obj.details,
            actor=find_actor(request),
            now=timezone.now(),
        )
        obj.pk = made.pk


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

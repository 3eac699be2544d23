"""Operators' pages of banks: accounts, statements handed in, and what nobody could tell."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminFileFieldWidget  # type: ignore[import-untyped]

from accounts.audit import Actor
from accounts.models import User
from billing.banking import accounts, assignment, booking, camt, files
from billing.banking.assignment import Choice
from billing.banking.matching import Target
from billing.links import BooksAdmin, link
from billing.models import Approval, BankAccount, BankFile, BankLine, BankStatement, BookingEntity, Currency
from core.errors import DomainError

MAY_IMPORT, MAY_ASSIGN, MAY_OPEN = (
    "billing.add_bankstatement",
    "billing.change_bankline",
    "billing.add_bankaccount",
)


class AccountForm(forms.Form):
    """An account of the platform."""

    currency = forms.ModelChoiceField(Currency.objects.order_by("code"))
    entity = forms.ModelChoiceField(BookingEntity.objects.order_by("code"), label="books of")
    bank = forms.CharField(max_length=100)
    holder = forms.CharField(max_length=140)
    number = forms.CharField(max_length=50, label="IBAN or account number")
    bic = forms.CharField(max_length=11, required=False, label="BIC")


class UploadForm(forms.Form):
    """A file of statements."""

    file = forms.FileField(label="camt.053 file", widget=UnfoldAdminFileFieldWidget)


class AssignmentForm(forms.Form):
    """What a line is."""

    target = forms.ChoiceField(
        choices=[
            ("WALLET", "money for the wallet of an organization"),
            ("PAYOUT", "a payout, or one that came back"),
            ("FEE", "a fee of the bank"),
            ("BACK", "money to be sent back, or that was"),
        ]
    )
    uid = forms.UUIDField(required=False, label="uid of the organization, payout or other line")
    reason = forms.CharField(max_length=assignment.REASON_LENGTH_MAX)


def find_actor(request: HttpRequest) -> Actor:
    """The operator."""
    assert isinstance(request.user, User)  # noqa: S101 - the admin lets in nobody else
    return Actor.from_user(request.user)


@admin.register(BankAccount)
class BankAccountAdmin(BooksAdmin):
    """The platform's accounts at banks."""

    list_display = ("id", "bank", "masked", "currency", "entity", "holder", "opened_at", "closed_at")
    list_filter = ("currency", "entity", ("closed_at", admin.EmptyFieldListFilter))
    search_fields = ("uid", "bank", "holder")
    exclude = ("number",)
    actions = ("close",)
    change_list_template = "billing/banking/admin_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the opening of an account."""
        page = self.admin_site.admin_view(self.open_view)
        return [path("open/", page, name="billing_bank_open"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list with the way to keep another."""
        more = {"more_url": reverse("admin:billing_bank_open"), "more_name": "Keep an account"}
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def open_view(self, request: HttpRequest) -> HttpResponse:
        """
        Keep an account.

        :raises PermissionDenied: for staff who may not
        """
        if not request.user.has_perm(MAY_OPEN):
            raise PermissionDenied
        form = AccountForm(request.POST or None, initial={"entity": "HK"})
        if request.method == "POST" and form.is_valid():
            wanted = {
                **form.cleaned_data,
                "currency": form.cleaned_data["currency"].code,
                "entity": form.cleaned_data["entity"].code,
            }
            try:
                accounts.open_account(**wanted, actor=find_actor(request), now=timezone.now())
            except DomainError as refusal:
                form.add_error(None, refusal.message)
            else:
                return HttpResponseRedirect(reverse("admin:billing_bankaccount_changelist"))
        context = {**self.admin_site.each_context(request), "title": "Keep a bank account", "form": form}
        return TemplateResponse(request, "billing/banking/admin_form.html", context)

    @admin.action(description="Close: read no more statements of it", permissions=["close"])
    def close(self, request: HttpRequest, queryset: Any) -> None:
        """Close accounts under the operator's name."""
        for account in queryset:
            accounts.close_account(account=account, actor=find_actor(request), now=timezone.now())

    def has_close_permission(self, request: HttpRequest) -> bool:
        """Rows are never edited here, but accounts end."""
        return request.user.has_perm("billing.change_bankaccount")


@admin.register(BankFile)
class BankFileAdmin(BooksAdmin):
    """Files that were handed in, and why they were refused."""

    list_display = ("id", "received_at", "state", "refusal", "sha256")
    list_filter = ("state",)
    search_fields = ("uid", "sha256", "refusal")
    exclude = ("content",)


@admin.register(BankStatement)
class BankStatementAdmin(BooksAdmin):
    """What banks said; new statements are handed in here."""

    list_display = (
        "id",
        "account",
        "name",
        "number",
        "opens_on",
        "closes_on",
        "opening",
        "closing",
        "lines_link",
    )
    list_filter = ("account__currency",)
    list_select_related = ("account",)
    search_fields = ("uid", "name")
    change_list_template = "billing/banking/admin_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, where files are handed in."""
        page = self.admin_site.admin_view(self.import_view)
        return [path("import/", page, name="billing_bank_import"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list with the way to hand in more."""
        more = {"more_url": reverse("admin:billing_bank_import"), "more_name": "Hand in statements"}
        return super().changelist_view(request, {**(extra_context or {}), **more})

    @admin.display(description="lines")
    def lines_link(self, statement: BankStatement) -> SafeString:
        """Its lines."""
        return link("billing_bankstatement", statement.pk, f"{statement.lines.count()} lines")

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """
        Hand in a file; what is in it is booked at once.

        :raises PermissionDenied: for staff who may not
        """
        if not request.user.has_perm(MAY_IMPORT):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            now, content = timezone.now(), form.cleaned_data["file"].read(camt.FILE_BYTES_MAX + 1)
            try:
                taken = files.receive(content=content, actor=find_actor(request), now=now)
            except DomainError as refusal:
                form.add_error(None, refusal.message)
            else:
                if taken.state == BankFile.State.READ:
                    booked = booking.book_new_lines(now=now)
                    self.message_user(request, f"Taken; {booked} lines booked.", messages.SUCCESS)
                    return HttpResponseRedirect(reverse("admin:billing_bankstatement_changelist"))
                form.add_error(None, taken.refusal)
        context = {**self.admin_site.each_context(request), "title": "Hand in statements", "form": form}
        return TemplateResponse(request, "billing/banking/admin_form.html", context)


@admin.register(BankLine)
class BankLineAdmin(BooksAdmin):
    """Movements on statements; filter by suspense for what waits for people."""

    list_display = (
        *("id", "booked_on", "account", "amount", "counterparty", "remittance", "state", "reason"),
        "booked_as",
    )
    list_filter = ("state", "reason", "account__currency", "booked_on")
    list_select_related = ("account",)
    search_fields = ("uid", "reference", "remittance", "counterparty", "end_to_end_id")

    @admin.display(description="entry")
    def booked_as(self, line: BankLine) -> SafeString:
        """Where it stands in the books."""
        return link("billing_entry", line.entry_id or line.suspense_entry_id)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """
        The line, and while it is in suspense the form to say what it is.

        :raises PermissionDenied: for staff who may not look at lines
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        line = booking.LINES.filter(pk=object_id).first() if object_id.isdecimal() else None
        if line is None or line.state not in assignment.OPEN:
            return super().change_view(request, object_id, form_url, extra_context)
        form = AssignmentForm(request.POST or None)
        if request.method == "POST":
            if not request.user.has_perm(MAY_ASSIGN):
                raise PermissionDenied
            approval = self._prepare(request, line, form) if form.is_valid() else None
            if approval is not None:
                self.message_user(request, "Prepared: somebody else has to approve it.", messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:billing_approval_change", args=[approval.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": f"{line.amount.normalize():f} {line.account.currency}: {line.reason}",
            "line": line,
            "form": form if request.user.has_perm(MAY_ASSIGN) else None,
            "name": booking.name_return(line) if line.state == BankLine.State.RETURNING else "",
            "asked": Approval.objects.filter(kind=assignment.KIND, subject=str(line.uid)).last(),
        }
        return TemplateResponse(request, "billing/banking/admin_line.html", context)

    def _prepare(self, request: HttpRequest, line: BankLine, form: AssignmentForm) -> Approval | None:
        uid: UUID | None = form.cleaned_data["uid"]
        try:
            return assignment.prepare(
                line=line,
                choice=Choice(Target(form.cleaned_data["target"]), uid),
                reason=form.cleaned_data["reason"],
                actor=find_actor(request),
                now=timezone.now(),
            )
        except DomainError as refusal:
            form.add_error(None, refusal.message)
            return None

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
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from accounts.models import User
from billing.approving.admin import name_person
from billing.approving.words import STATES as APPROVALS
from billing.links import BooksAdmin, link, table
from billing.models import Approval, PayerAccount, PayoutMethod, RailFile
from billing.rails import files, methods, payers
from billing.rails.acting import ACTS, act_on_file, act_on_method
from billing.settlement import shown
from billing.settlement.shown import Word
from core.errors import DomainError
from core.money import Money
from core.templatetags.looks import exact_money, moment

LINES_SHOWN = 200


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
    list_display = ("id", "name", "way", "payments", "amount", "stands", "maker", "made", "sent")
    list_filter = ("state", "rail", "currency")
    search_fields = ("uid", "name", "sha256", "external_id")
    fields = (
        *("name", "way", "payments", "amount", "stands", "agreed", "maker", "made", "sender", "sent"),
        *("voided", "external_id", "note", "payouts", "answers", "payer", "media_type", "sha256", "uid"),
    )
    readonly_fields = fields
    change_list_template = "billing/rails/admin_files.html"

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, what waits for a file."""
        page = self.admin_site.admin_view(self.waiting_view)
        return [path("waiting/", page, name="billing_railfile_waiting"), *super().get_urls()]

    @admin.display(description=_("rail"), ordering="rail")
    def way(self, file: RailFile) -> Word:
        """As people call it."""
        return shown.name_rail(file.rail)

    @admin.display(description=_("total"), ordering="total")
    def amount(self, file: RailFile) -> str:
        """With its currency."""
        return exact_money(Money(file.total, file.currency))

    @admin.display(description=_("state"), ordering="state")
    def stands(self, file: RailFile) -> Word:
        """In words."""
        return shown.FILES.get(file.state, file.state)

    @admin.display(description=_("made by"))
    def maker(self, file: RailFile) -> str:
        """The person's address."""
        return name_person(file.made_by)

    @admin.display(description=_("made"), ordering="made_at")
    def made(self, file: RailFile) -> str:
        """When, with the zone."""
        return moment(file.made_at)

    @admin.display(description=_("handed over by"))
    def sender(self, file: RailFile) -> str:
        """The person's address."""
        return name_person(file.sent_by)

    @admin.display(description=_("handed over"), ordering="sent_at")
    def sent(self, file: RailFile) -> str:
        """When, with the zone."""
        return moment(file.sent_at)

    @admin.display(description=_("thrown away"))
    def voided(self, file: RailFile) -> str:
        """When, with the zone."""
        return moment(file.voided_at)

    @admin.display(description=_("payouts"))
    def payouts(self, file: RailFile) -> SafeString:
        """What it tells to pay."""
        rows = file.lines.select_related("payout__organization").order_by("payout_id")[:LINES_SHOWN]
        return table(
            (_("payout"), _("provider"), _("amount"), _("state")),
            (
                (
                    *(link("billing_payout", row.payout_id), row.payout.organization.name),
                    exact_money(Money(row.payout.amount, row.payout.currency)),
                    shown.PAYOUTS[row.payout.state],
                )
                for row in rows
            ),
        )

    @admin.display(description=_("approval"))
    def agreed(self, file: RailFile) -> SafeString:
        """Where somebody else says yes to it, and whether somebody has."""
        asked = Approval.objects.filter(kind=files.KIND, subject=str(file.uid)).last()
        return link("billing_approval", asked.pk if asked else None, APPROVALS[asked.state] if asked else "")

    @admin.display(description=_("answers of the bank"))
    def answers(self, file: RailFile) -> SafeString:
        """What came back, by its hash."""
        rows = file.answers.order_by("id")
        return table(
            (_("when"), _("by"), "SHA-256"),
            ((moment(row.received_at), name_person(row.received_by), row.sha256) for row in rows),
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
                    left = _("Left out: payout #%(number)s. %(reason)s")
                    told = left % {"number": payout.pk, "reason": reason}
                    self.message_user(request, told, messages.WARNING)
                self.message_user(request, _("Made. Somebody else has to approve it."), messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:billing_railfile_change", args=[made.file.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Payouts that wait for files"),
            "waiting": [
                (one, shown.name_rail(one.rail), Money(one.total, one.currency))
                for one in files.list_waiting()
            ],
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

"""The chart of accounts: trial balances of now and of the past, every account's postings, and whose books."""

from datetime import UTC, date, datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.audit import Actor
from accounts.models import Organization, User
from billing import entities, ledger, trial_balance
from billing.closing import balances
from billing.explorer import postings
from billing.links import BooksAdmin, link, table
from billing.models import BookingEntity, LedgerAccount, OrganizationEntity, Scope
from billing.trial_balance import BETWEEN_ENTITIES, TrialBalance
from core.errors import DomainError

MAY_ASSIGN = "billing.change_organizationentity"


@admin.register(LedgerAccount)
class LedgerAccountAdmin(BooksAdmin):
    """The chart of accounts, the trial balance, and each account's movements."""

    list_display = ("code", "purpose", "category", "currency", "entity", "balance", "closed_at")
    list_filter = ("category", "purpose", "currency", "entity")
    list_select_related = ("organization",)
    list_per_page = 50
    search_fields = ("code", "organization__name", "organization__uid")
    readonly_fields = ("balance", "wallet", "movements")
    change_list_template = "admin/billing/ledgeraccount/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the trial balance and the movements of an account."""
        view = self.admin_site.admin_view
        return [
            path("trial-balance/", view(self.show_trial_balance), name="billing_trial_balance"),
            path("by-code/", view(self.find_movements), name="billing_ledgeraccount_by_code"),
            path(
                "<int:account>/movements/", view(self.show_movements), name="billing_ledgeraccount_movements"
            ),
            *super().get_urls(),
        ]

    def show_trial_balance(self, request: HttpRequest) -> HttpResponse:
        """
        Every account's balance, in columns that come to the same: now, at a moment, or at the end of a day.

        :raises PermissionDenied: for staff who may not look at accounts
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Trial balance",
            "balances": _read_balances(request),
            "at": request.GET.get("at", ""),
            "day": request.GET.get("day", ""),
            "entity": request.GET.get("entity", ""),
            "entities": BookingEntity.objects.order_by("code"),
            "between": BETWEEN_ENTITIES,
        }
        return TemplateResponse(request, "admin/billing/trial_balance.html", context)

    def find_movements(self, request: HttpRequest) -> HttpResponse:
        """
        From an account's code to what moved on it.

        :raises PermissionDenied: for staff who may not look at accounts
        :raises Http404: if there is no such account
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = LedgerAccount.objects.filter(code=request.GET.get("code", "")).first()
        if found is None:
            raise Http404
        return HttpResponseRedirect(reverse("admin:billing_ledgeraccount_movements", args=[found.pk]))

    def show_movements(self, request: HttpRequest, account: int) -> HttpResponse:
        """
        An account's postings with its balance after each, newest first.

        :raises PermissionDenied: for staff who may not look at accounts
        :raises Http404: if there is no such account
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = LedgerAccount.objects.filter(pk=account).first()
        if found is None:
            raise Http404
        movements = postings.list_movements(account=found, before=_read_cursor(request))
        context = {
            **self.admin_site.each_context(request),
            "title": found.code,
            "account": found,
            "movements": movements,
            "next": movements[-1] if len(movements) == postings.PAGE else None,
        }
        return TemplateResponse(request, "admin/billing/ledgeraccount/movements.html", context)

    @admin.display(description="balance")
    def balance(self, account: LedgerAccount) -> str:
        """In its usual sense."""
        return f"{ledger.balance(account_id=account.pk):f}"

    @admin.display(description="wallet")
    def wallet(self, account: LedgerAccount) -> SafeString:
        """What of it is held, where it is a wallet's."""
        found = Scope.objects.filter(account=account).first()
        return link("billing_scope", found.pk if found else None)

    @admin.display(description="movements")
    def movements(self, account: LedgerAccount) -> SafeString:
        """The newest postings with the balance after each, and where all of them are."""
        address = reverse("admin:billing_ledgeraccount_movements", args=[account.pk])
        newest = table(
            ("entry", "kind", "key", "amount", "balance", "happened at"),
            (
                (
                    link("billing_entry", row.entry_id),
                    row.kind,
                    row.key,
                    row.amount,
                    row.balance,
                    row.happened_at,
                )
                for row in postings.list_movements(account=account)
            ),
        )
        return format_html(
            '{}<a href="{}">all movements</a>, <a href="{}">trial balance</a>',
            newest,
            address,
            reverse("admin:billing_trial_balance"),
        )


class AssignmentForm(forms.Form):
    """With whom an organization deals, and why."""

    organization = forms.UUIDField(label="uid of the organization")
    entity = forms.ModelChoiceField(BookingEntity.objects.order_by("code"), label="books of")
    reason = forms.CharField(max_length=entities.REASON_LENGTH_MAX)

    def clean_organization(self) -> Organization:
        """
        The organization with this uid.

        :raises django.forms.ValidationError: if there is none
        """
        found = Organization.objects.filter(uid=self.cleaned_data["organization"]).first()
        if found is None:
            raise forms.ValidationError("There is no such organization.")
        return found


@admin.register(BookingEntity)
class BookingEntityAdmin(BooksAdmin):
    """Companies that run the exchange, each with books of its own."""

    list_display = ("code", "name", "country")
    id_fields: tuple[str, ...] = ()
    search_fields = ("code", "name")
    ordering = ("code",)


@admin.register(OrganizationEntity)
class OrganizationEntityAdmin(BooksAdmin):
    """Organizations that deal with another entity than the first."""

    list_display = ("organization", "entity")
    list_filter = ("entity",)
    list_select_related = ("organization",)
    id_fields = ("organization_id",)
    search_fields = ("organization__name", "organization__uid")
    ordering = ("organization_id",)
    change_list_template = "billing/banking/admin_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the deed."""
        page = self.admin_site.admin_view(self.assign_view)
        return [path("assign/", page, name="billing_entity_assign"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list with the way to add to it."""
        more = {
            "more_url": reverse("admin:billing_entity_assign"),
            "more_name": "Let one deal with another entity",
        }
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def assign_view(self, request: HttpRequest) -> HttpResponse:
        """
        Let an organization deal with an entity; its new accounts are in that one's books.

        :raises PermissionDenied: for staff who may not
        """
        if not request.user.has_perm(MAY_ASSIGN):
            raise PermissionDenied
        assert isinstance(request.user, User)  # noqa: S101 - the admin lets in nobody else
        form = AssignmentForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            try:
                entities.assign_entity(
                    organization=given["organization"],
                    entity=given["entity"].code,
                    reason=given["reason"],
                    actor=Actor.from_user(request.user),
                    now=timezone.now(),
                )
            except DomainError as refusal:
                form.add_error(None, refusal.message)
            else:
                said = f"{given['organization']} deals with {given['entity'].name} from now on."
                self.message_user(request, said, messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:billing_organizationentity_changelist"))
        title = "Let an organization deal with another entity"
        context = {**self.admin_site.each_context(request), "title": title, "form": form}
        return TemplateResponse(request, "billing/banking/admin_form.html", context)


def _read_balances(request: HttpRequest) -> list[TrialBalance]:
    asked = request.GET.get("entity", "")
    entity = asked if BookingEntity.objects.filter(code=asked).exists() else None
    try:
        if request.GET.get("at"):
            moment = datetime.fromisoformat(request.GET["at"])
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
            return balances.make_balances(
                balances.read_moment(moment=moment, entity=entity), of_one=bool(entity)
            )
        if request.GET.get("day"):
            day = date.fromisoformat(request.GET["day"])
            return balances.make_balances(balances.read_day(day=day, entity=entity), of_one=bool(entity))
    except (ValueError, OverflowError):
        messages.error(request, "That is no moment and no day; these are the balances of now.")
    return trial_balance.read_trial_balances(entity=entity)


def _read_cursor(request: HttpRequest) -> tuple[int, int]:
    parts: list[Any] = request.GET.get("before", "").split("-")
    if len(parts) == 2 and all(part.isdecimal() and len(part) < 19 for part in parts):
        return int(parts[0]), int(parts[1])
    return postings.START

"""Operators' pages of periods: what is closed, and how the next one ends."""

from datetime import date, timedelta

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import User
from billing.closing import periods
from billing.links import BooksAdmin
from billing.models import AccountingPeriod, Approval
from core.errors import DomainError


@admin.register(AccountingPeriod)
class AccountingPeriodAdmin(BooksAdmin):
    """Closed periods of the books."""

    list_display = ("ends_on", "starts_on", "last_seq", "sha256", "approval", "closed_at")
    list_select_related = ("approval",)
    search_fields = ("uid", "sha256")
    change_list_template = "admin/billing/period/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the one on which a period is prepared and closed."""
        page = self.admin_site.admin_view(self.close_period)
        return [path("close/", page, name="billing_close_period"), *super().get_urls()]

    def close_period(self, request: HttpRequest) -> HttpResponse:
        """
        Prepare the end of a period, or close what a second person approved.

        :raises PermissionDenied: for staff who may not close periods
        """
        user = request.user
        if not isinstance(user, User) or not user.has_perm("billing.add_accountingperiod"):
            raise PermissionDenied
        now = timezone.now()
        if request.method == "POST":
            return self._act(request, Actor.from_user(user))
        last = periods.find_last()
        context = {
            **self.admin_site.each_context(request),
            "title": "Close a period",
            "last": last,
            "suggested": now.date().replace(day=1) - timedelta(days=1),
            "waiting": Approval.objects.filter(
                kind=periods.KIND, state__in=(Approval.State.PENDING, Approval.State.APPROVED)
            ).exclude(pk__in=AccountingPeriod.objects.values("approval")),
        }
        return TemplateResponse(request, "admin/billing/period/close.html", context)

    def _act(self, request: HttpRequest, actor: Actor) -> HttpResponse:
        try:
            ends_on = date.fromisoformat(request.POST.get("ends_on", ""))
        except ValueError:
            messages.error(request, "Name the last day of the period.")
            return HttpResponseRedirect(reverse("admin:billing_close_period"))
        now = timezone.now()
        try:
            if "close" in request.POST:
                period = periods.close(ends_on=ends_on, actor=actor, now=now)
                messages.success(request, f"The books are closed up to {period.ends_on}.")
                return HttpResponseRedirect(reverse("admin:billing_accountingperiod_changelist"))
            prepared = periods.prepare(ends_on=ends_on, actor=actor, now=now)
        except DomainError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:billing_close_period"))
        messages.success(request, "Prepared. Somebody else has to approve exactly these balances.")
        return HttpResponseRedirect(reverse("admin:billing_approval_change", args=[prepared.approval.pk]))

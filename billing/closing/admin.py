"""Operators' pages of periods: what is closed, and how the next one ends."""

import hashlib
import tempfile
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import User
from billing.closing import audit_pack, periods
from billing.links import BooksAdmin
from billing.models import AccountingPeriod, Approval
from core.errors import DomainError

MAY_PACK = "billing.view_entry"


@admin.register(AccountingPeriod)
class AccountingPeriodAdmin(BooksAdmin):
    """Closed periods of the books."""

    list_display = ("ends_on", "starts_on", "last_seq", "sha256", "approval", "closed_at")
    list_select_related = ("approval",)
    search_fields = ("uid", "sha256")
    change_list_template = "admin/billing/period/change_list.html"
    change_form_template = "admin/billing/period/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the one on which a period is prepared and closed."""
        page = self.admin_site.admin_view(self.close_period)
        pack = self.admin_site.admin_view(self.download_pack)
        return [
            path("close/", page, name="billing_close_period"),
            path("<int:period>/audit-pack/", pack, name="billing_audit_pack"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The period, with the way to its audit pack."""
        more = {"may_pack": request.user.has_perm(MAY_PACK), "has_key": bool(settings.AUDIT_KEY)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def download_pack(self, request: HttpRequest, period: int) -> HttpResponseBase:
        """
        Make the audit pack of a closed period and hand it over; that somebody took it is noted.

        :raises PermissionDenied: for staff who may not read every entry, and without the button
        :raises Http404: if there is no such period
        """
        user = request.user
        if not isinstance(user, User) or not user.has_perm(MAY_PACK) or request.method != "POST":
            raise PermissionDenied
        found = AccountingPeriod.objects.filter(pk=period).first()
        if found is None:
            raise Http404
        now = timezone.now()
        try:
            key = audit_pack.read_key(settings.AUDIT_KEY.encode())
        except audit_pack.UnusableKey as refusal:
            messages.error(request, f"No key signs it here: {refusal.message}")
            return HttpResponseRedirect(reverse("admin:billing_accountingperiod_change", args=[period]))
        packed = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it when it was sent
        audit_pack.write_pack(packed, period=found, key=key, now=now)
        packed.seek(0)
        sha256 = hashlib.file_digest(packed, "sha256").hexdigest()
        packed.seek(0)
        periods.note_pack(period=found, sha256=sha256, actor=Actor.from_user(user), now=now)
        name = f"books-{found.starts_on}-{found.ends_on}.zip"
        answer = FileResponse(packed, as_attachment=True, filename=name, content_type="application/zip")
        answer["X-Content-SHA256"] = sha256
        return answer

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

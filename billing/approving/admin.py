"""What waits for a second person, as it was hashed, beside what was asked before; decided there."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from accounts.models import User
from billing import approvals
from billing.approving.words import STATES, Word, name_kind, name_path
from billing.links import BooksAdmin
from billing.models import Approval
from core.errors import DomainError
from core.templatetags.looks import moment


@admin.register(Approval)
class ApprovalAdmin(BooksAdmin):
    """To approve: contents that one person prepared."""

    list_display = ("id", "what", "subject", "stands", "prepared", "asked", "approved", "agreed")
    list_filter = ("state", "kind")
    search_fields = ("uid", "subject", "sha256", "note")

    @admin.display(description=_("what"), ordering="kind")
    def what(self, approval: Approval) -> Word:
        """Its kind, in words."""
        return name_kind(approval.kind)

    @admin.display(description=_("state"), ordering="state")
    def stands(self, approval: Approval) -> Word:
        """In words."""
        return STATES[approval.state]

    @admin.display(description=_("prepared"), ordering="prepared_at")
    def asked(self, approval: Approval) -> str:
        """When, with the zone."""
        return moment(approval.prepared_at)

    @admin.display(description=_("approved"), ordering="approved_at")
    def agreed(self, approval: Approval) -> str:
        """When, with the zone."""
        return moment(approval.approved_at)

    @admin.display(description=_("prepared by"))
    def prepared(self, approval: Approval) -> str:
        """The person's address."""
        return name_person(approval.prepared_by)

    @admin.display(description=_("approved by"))
    def approved(self, approval: Approval) -> str:
        """The person's address."""
        return name_person(approval.approved_by)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """
        The content with the decision below it.

        :raises PermissionDenied: for staff who may not look at approvals
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        approval = Approval.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if approval is None:
            return super().change_view(request, object_id, form_url, extra_context)
        if request.method == "POST":
            return self._decide(request, approval)
        before = Approval.objects.filter(
            kind=approval.kind, subject=approval.subject, pk__lt=approval.pk
        ).last()
        context = {
            **self.admin_site.each_context(request),
            "title": _("%(kind)s: approval #%(number)s")
            % {"kind": name_kind(approval.kind), "number": approval.pk},
            "approval": approval,
            "state": STATES[approval.state],
            "rows": list_differences(approval, before),
            "before": before,
            "about": find_page(approval),
            "people": {
                "prepared": name_person(approval.prepared_by),
                "approved": name_person(approval.approved_by),
                "ended": name_person(approval.ended_by),
            },
            "may_decide": request.user.has_perm(approvals.RIGHT) and approval.state == Approval.State.PENDING,
            "is_mine": getattr(request.user, "uid", None) == approval.prepared_by,
        }
        return TemplateResponse(request, "billing/approvals/approval.html", context)

    def _decide(self, request: HttpRequest, approval: Approval) -> HttpResponse:
        assert isinstance(request.user, User)  # noqa: S101 - the admin lets in nobody else
        actor, now = Actor.from_user(request.user), timezone.now()
        note, shown = request.POST.get("note", ""), request.POST.get("sha256", "")
        try:
            if "approve" in request.POST:
                approvals.approve(approval=approval, sha256=shown, actor=actor, now=now, note=note)
                self.message_user(request, _("Approved."), messages.SUCCESS)
            else:
                approvals.reject(approval=approval, note=note, actor=actor, now=now)
                self.message_user(request, _("Refused."), messages.SUCCESS)
        except approvals.MayNotDecide as refusal:
            raise PermissionDenied from refusal
        except DomainError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
        return HttpResponseRedirect(reverse("admin:billing_approval_change", args=[approval.pk]))


def find_page(approval: Approval) -> str:
    """Where the thing itself is looked at; nothing for a kind that has no page, or a thing that is gone."""
    if approval.kind not in approvals.PAGES:
        return ""
    name, key = approvals.PAGES[approval.kind]
    found = (
        apps.get_model(name).objects.filter(**{key: approval.subject}).values_list("pk", flat=True).first()
    )
    return reverse(f"admin:{name.replace('.', '_')}_change", args=[found]) if found else ""


def name_person(uid: UUID | None) -> str:
    """The address of somebody with an account; nothing for nobody."""
    if uid is None:
        return ""
    return User.objects.filter(uid=uid).values_list("email", flat=True).first() or str(uid)


def list_differences(approval: Approval, before: Approval | None) -> list[tuple[Word, str, str]]:
    """Every value of a content by its name, with what stood there in the content `before`."""
    now = dict(flatten(approval.content))
    then = dict(flatten(before.content)) if before else {}
    return [
        (name_path(approval.kind, path), now.get(path, ""), then.get(path, "")) for path in {**now, **then}
    ]


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Paths and values of what JSON holds, in its order."""
    match value:
        case dict():
            for key, one in value.items():
                yield from flatten(one, f"{path}.{key}" if path else str(key))
        case list():
            for number, one in enumerate(value, start=1):
                yield from flatten(one, f"{path} {number}")
        case _:
            yield path, "" if value is None else str(value)

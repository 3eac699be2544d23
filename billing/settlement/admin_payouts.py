"""Operators' pages of payouts: where each is, what is next, and what somebody saw of it."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from accounts.models import User
from billing.approving.admin import name_person
from billing.links import BooksAdmin, link, table
from billing.models import Payout
from billing.settlement import shown, steps
from billing.settlement.shown import Word
from billing.settlement.words import name_reason
from core.errors import DomainError
from core.money import Money
from core.templatetags.looks import exact_money, moment


class StepForm(forms.Form):
    """What became of a payout."""

    state = forms.ChoiceField(label=_("What became of it"))
    reference = forms.CharField(
        label=_("What the bank or rail calls it"), max_length=steps.REFERENCE_LENGTH_MAX, required=False
    )
    reason = forms.CharField(
        label=_("Why it did not arrive"), max_length=steps.REASON_LENGTH_MAX, required=False
    )

    def __init__(self, *args: Any, payout: Payout) -> None:
        super().__init__(*args)
        field = self.fields["state"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - it is declared above
        field.choices = shown.list_steps(payout)


@admin.register(Payout)
class PayoutAdmin(BooksAdmin):
    """Money on its way to providers; each step is noted once."""

    list_display = (
        *("id", "organization", "total", "way", "stands", "external_id", "reason", "planned", "paid"),
    )
    list_filter = ("state", "rail", "currency")
    list_select_related = ("organization",)
    search_fields = ("uid", "external_id", "organization__name", "organization__uid")
    fields = (
        *("organization", "total", "withheld", "way", "stands", "external_id", "reason", "planned", "sent"),
        *("paid", "ended", "history", "batch", "item", "account", "entity", "clearing", "uid"),
    )
    readonly_fields = fields
    change_form_template = "billing/settlement/admin_payout.html"

    @admin.display(description=_("amount"), ordering="amount")
    def total(self, payout: Payout) -> str:
        """With its currency."""
        return exact_money(Money(payout.amount, payout.currency))

    @admin.display(description=_("rail"), ordering="rail")
    def way(self, payout: Payout) -> Word:
        """As people call it."""
        return shown.name_rail(payout.rail)

    @admin.display(description=_("state"), ordering="state")
    def stands(self, payout: Payout) -> Word:
        """Where it is, in words."""
        return shown.PAYOUTS[payout.state]

    @admin.display(description=_("planned"), ordering="planned_at")
    def planned(self, payout: Payout) -> str:
        """When, with the zone."""
        return moment(payout.planned_at)

    @admin.display(description=_("paid"), ordering="paid_at")
    def paid(self, payout: Payout) -> str:
        """When, with the zone."""
        return moment(payout.paid_at)

    @admin.display(description=_("tax withheld"))
    def withheld(self, payout: Payout) -> str:
        """With its currency."""
        return exact_money(Money(payout.tax, payout.currency))

    @admin.display(description=_("sent"))
    def sent(self, payout: Payout) -> str:
        """When, with the zone."""
        return moment(payout.sent_at)

    @admin.display(description=_("ended"))
    def ended(self, payout: Payout) -> str:
        """When, with the zone."""
        return moment(payout.ended_at)

    @admin.display(description=_("steps"))
    def history(self, payout: Payout) -> SafeString:
        """Each with the entry it posted."""
        return table(
            (_("when"), _("state"), _("rail"), _("reference"), _("reason"), _("by"), _("entry")),
            (
                (
                    *(moment(step.happened_at), shown.PAYOUTS[step.state], shown.name_rail(step.rail)),
                    *(step.external_id or "", _tell_reason(step.reason)),
                    *(_name_actor(step.actor), link("billing_entry", step.entry_id)),
                )
                for step in payout.steps.order_by("id")
            ),
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """
        The payout, and the form to note a step.

        :raises PermissionDenied: for staff who may not note one
        """
        if request.method == "POST":
            payout = self.get_object(request, object_id)
            if payout is not None:
                return self._note(request, payout)
        payout = Payout.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        context = self._describe(payout, request) if payout else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})

    def _describe(self, payout: Payout, request: HttpRequest) -> dict[str, Any]:
        asked, may = steps.find_open(payout=payout), request.user.has_perm("billing.change_payout")
        return {
            "payout": payout,
            "title": _("Payout #%(number)s to %(name)s")
            % {"number": payout.pk, "name": payout.organization.name},
            "state": shown.PAYOUTS[payout.state],
            "next": shown.tell_next(payout),
            "step_form": StepForm(payout=payout) if may and shown.list_steps(payout) else None,
            "asked": asked,
            "asked_state": shown.PAYOUTS[asked.content.get("state", "PAID")] if asked else "",
        }

    def _note(self, request: HttpRequest, payout: Payout) -> HttpResponse:
        user = request.user
        if not isinstance(user, User) or not user.has_perm("billing.change_payout"):
            raise PermissionDenied
        form, now = StepForm(request.POST, payout=payout), timezone.now()
        if form.is_valid():
            try:
                asked = steps.note_step(
                    payout=payout,
                    state=Payout.State(form.cleaned_data["state"]),
                    reference=form.cleaned_data["reference"],
                    reason=form.cleaned_data["reason"],
                    happened_at=now,
                    actor=Actor.from_user(user),
                    now=now,
                )
                said = _("Noted. Somebody else has to confirm it.") if asked else _("Noted.")
                self.message_user(request, said, messages.SUCCESS)
                if asked:
                    return HttpResponseRedirect(reverse("admin:billing_approval_change", args=[asked.pk]))
            except DomainError as refusal:
                self.message_user(request, refusal.message, messages.ERROR)
        else:
            self.message_user(
                request, _("This cannot become of the payout from where it is."), messages.ERROR
            )
        return HttpResponseRedirect(reverse("admin:billing_payout_change", args=[payout.pk]))


def _tell_reason(reason: str) -> str:
    """A bank's reason as it gave it, with what its code means."""
    meant = name_reason(reason)
    return f"{reason} ({meant})" if meant else reason


def _name_actor(text: str) -> str:
    """A person by their address; programs as they are called."""
    kind, _, uid = text.partition(":")
    try:
        return name_person(UUID(uid)) if kind == "user" else text
    except ValueError:
        return text

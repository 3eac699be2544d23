"""Operators' page of free starts: who was given test money, by which marks, and who is let in by hand."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.audit import Actor
from accounts.models import Organization, User
from billing import xts
from billing.free_starts import starts
from billing.links import BooksAdmin, table
from billing.models import FreeStart

MARKS_MAX = 100
SHOWN = 12
"""How much of a network's hash is shown: enough to see that two are the same."""


class StartForm(forms.ModelForm):  # type: ignore[type-arg]
    """Let an organization start, and say why."""

    organization = forms.UUIDField(help_text="Its uid, as on its page.")
    reason = forms.CharField(max_length=starts.REASON_LENGTH_MAX, widget=forms.Textarea(attrs={"rows": 2}))

    class Meta:
        model = FreeStart
        fields = ("organization", "reason")

    def clean_organization(self) -> Organization:
        """The organization that has this uid and has not started."""
        found = Organization.objects.filter(uid=self.cleaned_data["organization"]).first()
        if found is None:
            raise forms.ValidationError("There is no such organization.")
        if FreeStart.objects.filter(organization=found).exists():
            raise forms.ValidationError(starts.AlreadyStarted.message)
        return found

    def _post_clean(self) -> None:
        """Nothing of the row is checked as a form's: the function that makes it does."""


@admin.register(FreeStart)
class FreeStartAdmin(BooksAdmin):
    """Who was given test money, and by which marks the next one is counted."""

    list_display = ("id", "organization", "origin", "actor", "reason", "made_at")
    list_filter = ("origin",)
    list_select_related = ("organization",)
    search_fields = ("uid", "organization__name", "organization__uid", "marks__mark")
    readonly_fields = ("left",)

    @admin.display(description="marks")
    def left(self, row: FreeStart) -> SafeString:
        """By what it is counted."""
        rows = row.marks.order_by("kind", "mark")[:MARKS_MAX]
        return table(
            ("kind", "mark", "kept until"),
            (
                (one.kind, one.mark if one.kind != "NETWORK" else one.mark[:SHOWN], one.kept_until)
                for one in rows
            ),
        )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever has the right lets an organization in by hand."""
        return request.user.has_perm("billing.add_freestart")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Rows are looked at; a new one is an organization and a reason."""
        return super().get_form(request, obj, change, **kwargs) if obj else StartForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What the form asks for."""
        return super().get_fields(request, obj) if obj else StartForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Nothing of a new one is given."""
        return super().get_readonly_fields(request, obj) if obj else ()

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> FreeStart:
        """Make the row by the function that may, and fill the wallet."""
        assert isinstance(request.user, User)  # noqa: S101 - the admin lets in nobody else
        return xts.start_by_hand(
            organization=form.cleaned_data["organization"],
            reason=form.cleaned_data["reason"],
            actor=Actor.from_user(request.user),
            now=timezone.now(),
        )

    def save_model(self, request: HttpRequest, obj: FreeStart, form: Any, change: bool) -> None:
        """It is saved."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing is saved beside it."""

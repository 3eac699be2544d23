"""Forms of people: signing up, an organization, preferences."""

from collections.abc import Iterable, Sequence
from typing import Any, cast
from zoneinfo import available_timezones

from allauth.account.forms import SignupForm
from django import forms
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts import organizations
from accounts.models import Project, Role, User
from core import formats

NAME_LENGTH_MAX = 200


def list_countries() -> list[tuple[str, str]]:
    """Countries in the language of the page, after an empty choice."""
    countries = formats.list_countries(formats.find_locale(get_language() or "en"))
    return [("", str(_("Choose a country"))), *countries]


def list_zones() -> list[tuple[str, str]]:
    """Time zones of places, by name."""
    zones = (name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix")))
    return [("", "UTC"), *((name, name.replace("_", " ")) for name in sorted(zones))]


class OrganizationForm(forms.Form):
    """A new organization."""

    organization = forms.CharField(
        label=_("Organization"),
        max_length=NAME_LENGTH_MAX,
        help_text=_("Keys, wallets and sites belong to it. You can invite colleagues later."),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    country = forms.ChoiceField(
        label=_("Country"),
        choices=list_countries,
        widget=forms.Select(attrs={"autocomplete": "country"}),
    )


class SignUpForm(SignupForm, OrganizationForm):  # type: ignore[misc]
    """A new person, who founds an organization."""

    field_order = ("name", "email", "password1", "organization", "country")

    name = forms.CharField(
        label=_("Your name"),
        max_length=NAME_LENGTH_MAX,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("Email")

    def save(self, request: HttpRequest) -> User:
        """Make the person and the organization, or neither."""
        with transaction.atomic():
            return cast(User, super().save(request))

    def signup(self, request: HttpRequest, user: User) -> None:
        """What allauth calls once the person exists."""
        user.name = self.cleaned_data["name"]
        user.language = get_language() or ""
        user.save(update_fields=["name", "language"])
        organizations.create_organization(
            name=self.cleaned_data["organization"],
            country=self.cleaned_data["country"],
            owner=user,
            now=timezone.now(),
        )


ROLES = {
    Role.OWNER: _("Owner"),
    Role.ADMIN: _("Admin"),
    Role.FINANCE: _("Finance"),
    Role.MEMBER: _("Member"),
}


class RoleForm(forms.Form):
    """A role."""

    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, roles: Sequence[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(role.value, ROLES[role]) for role in roles]
        self.fields["role"] = forms.ChoiceField(label=_("Role"), choices=choices, initial=Role.MEMBER)


class InvitationForm(RoleForm):
    """Somebody who is to belong to an organization."""

    field_order = ("email", "role")

    email = forms.EmailField(
        label=_("Email"),
        max_length=254,
        help_text=_("They get a link, and belong here once they accept it."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


class PlacementForm(forms.Form):
    """The project in which the keys of a person spend."""

    project = forms.ChoiceField(label=_("Project"), required=False)

    def __init__(self, *args: Any, places: Iterable[Project], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("None")), *((str(place.uid), place.name) for place in places)]
        self.fields["project"] = forms.ChoiceField(
            label=_("Project"),
            required=False,
            choices=choices,
            help_text=_("Where this person's keys spend, but for those in a project of their own."),
        )


class PreferencesForm(forms.ModelForm):  # type: ignore[type-arg]
    """How pages look to a person."""

    language = forms.ChoiceField(
        label=_("Language"),
        required=False,
        choices=lambda: [("", _("As the browser asks")), *settings.LANGUAGES],
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        required=False,
        choices=list_zones,
        help_text=_("Moments are stored in UTC and shown in this zone, with its distance from UTC."),
    )

    class Meta:
        model = User
        fields = ("name", "language", "time_zone")
        labels = {"name": _("Your name")}

"""Forms of checks. Each makes the texts that are handed in: in English, for operators read them."""

from collections.abc import Sequence
from datetime import datetime

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from billing.compliance.pages.words import PARTIES, STATEMENT
from billing.compliance.tax_forms import TaxForm

LINE_LENGTH_MAX = 300
DOCUMENTS_MAX = 10
"""With what the forms say beside them, no more texts than a check takes."""


def make_text(label: str, text: str) -> str:
    """One text of evidence."""
    return f"{label}: {' '.join(text.split())}"


class DocumentsField(forms.CharField):
    """Documents by name and place, one a line."""

    widget = forms.Textarea(attrs={"rows": 4})

    def clean(self, value: str) -> str:
        """
        Lines that are not empty.

        :raises django.core.exceptions.ValidationError: if there are too many, or one is too long
        """
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        if len(lines) > DOCUMENTS_MAX or any(len(line) > LINE_LENGTH_MAX for line in lines):
            raise forms.ValidationError(
                _("At most %(lines)s lines of at most %(signs)s characters."),
                params={"lines": DOCUMENTS_MAX, "signs": LINE_LENGTH_MAX},
            )
        return "\n".join(lines)


class IdentityForm(forms.Form):
    """Who a provider is, who stands behind it, and by what one sees that."""

    party = forms.ChoiceField(label=_("Who is paid"), choices=list(PARTIES.items()))
    name = forms.CharField(label=_("Name as it is registered"), max_length=LINE_LENGTH_MAX)
    number = forms.CharField(
        label=_("Registration number"),
        max_length=LINE_LENGTH_MAX,
        required=False,
        help_text=_("With the register that keeps it. A person leaves it empty."),
    )
    address = forms.CharField(label=_("Registered address"), max_length=LINE_LENGTH_MAX)
    speaker = forms.CharField(
        label=_("Who acts for it"), max_length=LINE_LENGTH_MAX, help_text=_("Name and office, as registered.")
    )
    owners = forms.CharField(
        label=_("Who owns or controls a quarter or more of it"),
        max_length=900,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Names and countries, one a line. If nobody does, say so."),
    )
    documents = DocumentsField(
        label=_("Documents"),
        help_text=_(
            "One a line: what it is and where we find it, such as an extract of the register with its link. "
            "Papers are not uploaded here."
        ),
    )

    def clean(self) -> dict[str, object]:
        """Whoever is registered has a number."""
        given = super().clean() or {}
        if given.get("party") == "company" and not given.get("number"):
            self.add_error("number", _("A company has one. Say which register it is in, too."))
        return given

    def list_evidence(self) -> list[str]:
        """What is handed in."""
        given: dict[str, str] = self.cleaned_data
        owners = "; ".join(line for line in given["owners"].splitlines() if line.strip())
        named = {
            "Party": given["party"],
            "Registered name": given["name"],
            "Registration number": given["number"],
            "Registered address": given["address"],
            "Acts for it": given["speaker"],
            "Owns or controls a quarter or more": owners,
        }
        texts = [make_text(label, text) for label, text in named.items() if text]
        return texts + given["documents"].splitlines()


class TaxFormForm(forms.Form):
    """A tax form: what it says of the payee, and who signs it."""

    form = forms.ChoiceField(label=_("Form"))
    name = forms.CharField(label=_("Name of the taxpayer"), max_length=LINE_LENGTH_MAX)
    number = forms.CharField(
        label=_("Tax number"),
        max_length=LINE_LENGTH_MAX,
        help_text=_("Of the country where you are taxed."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    address = forms.CharField(label=_("Address for taxes"), max_length=LINE_LENGTH_MAX)
    documents = DocumentsField(
        label=_("Documents"),
        required=False,
        help_text=_("A certificate of an authority: what it is and where we find it, one a line."),
    )
    signer = forms.CharField(
        label=_("Your name, as signature"),
        max_length=LINE_LENGTH_MAX,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    office = forms.CharField(label=_("What you are there"), max_length=LINE_LENGTH_MAX)
    agreed = forms.BooleanField(
        label=_(
            "All of this is true and complete, I may sign for the organization, and I tell of changes within "
            "30 days."
        )
    )

    def __init__(self, *args: object, listed: Sequence[TaxForm], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        choices = [(one.code, f"{one.code} – {one.name}") for one in listed]
        field = self.fields["form"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - it is declared above
        field.choices = choices

    def list_evidence(self, *, person: User, now: datetime) -> list[str]:
        """What is handed in, with who signed it and when."""
        given: dict[str, str] = self.cleaned_data
        signed = (
            f"{given['signer']}, {given['office']}, signed in as {person.email}, {now:%Y-%m-%d %H:%M} UTC"
        )
        named = {
            "Taxpayer": given["name"],
            "Tax number": given["number"],
            "Address": given["address"],
            "Statement": STATEMENT,
            "Signed by": signed,
        }
        return [make_text(label, text) for label, text in named.items()] + given["documents"].splitlines()

"""Forms of checks. Each makes the texts that are handed in: in English, for operators read them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.pages.files import FilesField
from billing.compliance.documents import BOUNDS
from billing.compliance.pages.words import PARTIES, STATEMENT
from billing.compliance.tax_forms import TaxForm
from billing.compliance.tax_numbers import LENGTH_MAX, SAID

LINE_LENGTH_MAX = 300
DOCUMENTS_MAX = 10
"""With what the forms say beside them, no more texts than a check takes."""


def make_text(label: str, text: str) -> str:
    """One text of evidence."""
    return f"{label}: {' '.join(text.split())}"


class KeptField(forms.MultipleChoiceField):
    """Papers that were handed in with a check before: which go with it again."""

    widget = forms.CheckboxSelectMultiple


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
        if any(SAID.match(line) for line in lines):
            raise forms.ValidationError(
                _("Tax numbers are kept encrypted: say it in the tax form’s own field.")
            )
        return "\n".join(lines)


class CheckForm(forms.Form):
    """What every check takes: papers as files, and documents that lie elsewhere."""

    needs_documents = False

    papers = FilesField(
        bounds=BOUNDS,
        label=_("Papers"),
        required=False,
        help_text=_(
            "PDF, PNG or JPEG, 5 MB each, 10 at most. They are kept encrypted. Those who manage your money "
            "read them, and our operators who check; each reading is on record."
        ),
    )
    kept = KeptField(label=_("Handed in before, and still right"), required=False)
    documents = DocumentsField(
        label=_("Documents elsewhere"),
        required=False,
        help_text=_("One a line: what it is and where we find it, such as a register with its link."),
    )

    def __init__(self, *args: object, before: Sequence[Mapping[str, Any]] = (), **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["kept"]
        assert isinstance(field, KeptField)  # noqa: S101 - it is declared above
        field.choices = [(one["document"], one["text"]) for one in before]
        if before:
            field.initial = [one["document"] for one in before]
        else:
            del self.fields["kept"]

    def clean(self) -> dict[str, Any]:
        """Something shows that it is so, and not too much."""
        given = super().clean() or {}
        papers = len(given.get("papers") or ()) + len(given.get("kept") or ())
        if papers > BOUNDS.count_max:
            self.add_error("papers", _("10 papers at most, with those of before."))
        if self.needs_documents and not (papers or given.get("documents") or self.errors):
            self.add_error("papers", _("Add a paper, or say below where we find one."))
        return given

    def list_kept(self) -> list[str]:
        """Uids of papers of before that go with it again."""
        return list(self.cleaned_data.get("kept") or ())


class IdentityForm(CheckForm):
    """Who a provider is, who stands behind it, and by what one sees that."""

    needs_documents = True

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
    field_order = ("party", "name", "number", "address", "speaker", "owners", "papers", "kept", "documents")

    def clean(self) -> dict[str, Any]:
        """Whoever is registered has a number."""
        given = super().clean()
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


class TaxFormForm(CheckForm):
    """A tax form: what it says of the payee, and who signs it."""

    form = forms.ChoiceField(label=_("Form"))
    name = forms.CharField(label=_("Name of the taxpayer"), max_length=LINE_LENGTH_MAX)
    number = forms.CharField(
        label=_("Tax number"),
        max_length=LENGTH_MAX,
        help_text=_("Of the country where you are taxed. It is kept encrypted; pages show its end."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    address = forms.CharField(label=_("Address for taxes"), max_length=LINE_LENGTH_MAX)
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

    field_order = ("form", "name", "number", "address", "papers", "kept", "documents", "signer", "office")

    def __init__(self, *args: object, listed: Sequence[TaxForm], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
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
            "Address": given["address"],
            "Statement": STATEMENT,
            "Signed by": signed,
        }
        return [make_text(label, text) for label, text in named.items()] + given["documents"].splitlines()

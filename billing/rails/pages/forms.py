"""Forms of a payout method: first where to, then what that takes."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.pages.forms import list_countries
from billing.models import Currency
from billing.rails.bank_accounts import OPTIONAL
from billing.rails.pages.words import FIELDS, RAILS
from billing.rails.protocol import Rail


def list_currencies() -> list[tuple[str, str]]:
    """Currencies of money, by code."""
    rows = Currency.objects.exclude(kind=Currency.Kind.TEST).order_by("code")
    return [(row.code, f"{row.code} – {row.name}") for row in rows]


class PlaceForm(forms.Form):
    """Which currency, and in which country the account is."""

    currency = forms.ChoiceField(label=_("Currency"), choices=list_currencies)
    country = forms.ChoiceField(label=_("Country of the account"), choices=list_countries)


class MethodForm(PlaceForm):
    """Currency, country and rail, which the address of the page carries, and the details of the account."""

    rail = forms.ChoiceField(choices=list(RAILS.items()), widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, rail: Rail, currency: str, country: str) -> None:
        initial = {"rail": rail.name, "currency": currency, "country": country}
        super().__init__(data, initial=initial)
        for name in ("currency", "country"):
            self.fields[name].widget = forms.HiddenInput()
        self.names = rail.list_fields(currency=currency, country=country)
        for name in self.names:
            self.fields[name] = forms.CharField(
                label=FIELDS[name],
                max_length=1000 if name == "instructions" else 140,
                required=name not in OPTIONAL or ("iban" not in self.names and name == "bic"),
                widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            )

    @property
    def details(self) -> dict[str, str]:
        """What the rail asked for."""
        return {name: self.cleaned_data[name] for name in self.names}

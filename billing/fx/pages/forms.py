"""Forms of exchange."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from core.money import AMOUNT_PLACES, DIGITS_MAX

GIVE, GET = "give", "get"


class ConvertForm(forms.Form):
    """From which wallet into which currency, and how much of one of the two."""

    sell = forms.ChoiceField(label=_("From the wallet in"))
    buy = forms.ChoiceField(label=_("Into the wallet in"), help_text=_("It is opened if you have none yet."))
    amount = forms.DecimalField(
        label=_("Amount"),
        min_value=Decimal(1).scaleb(-AMOUNT_PLACES),
        max_digits=DIGITS_MAX,
        decimal_places=AMOUNT_PLACES,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    side = forms.ChoiceField(
        label=_("The amount is"),
        choices=[(GIVE, _("what leaves the first wallet")), (GET, _("what arrives in the second"))],
        initial=GIVE,
        widget=forms.RadioSelect,
    )

    def __init__(
        self, *args: Any, sells: list[tuple[str, str]], buys: list[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sell"].choices = sells  # type: ignore[attr-defined]
        self.fields["buy"].choices = buys  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Two currencies."""
        given = super().clean() or {}
        if given.get("sell") and given.get("sell") == given.get("buy"):
            self.add_error("buy", ValidationError(_("Choose two different currencies.")))
        return given


class ConfirmForm(forms.Form):
    """How much of one of the two, once the rate is known."""

    sell = forms.DecimalField(required=False, max_digits=DIGITS_MAX, decimal_places=AMOUNT_PLACES)
    buy = forms.DecimalField(required=False, max_digits=DIGITS_MAX, decimal_places=AMOUNT_PLACES)

    def clean(self) -> dict[str, Any]:
        """Exactly one of the two."""
        given = super().clean() or {}
        if (given.get("sell") is None) == (given.get("buy") is None):
            raise ValidationError(_("Say either what leaves one wallet or what arrives in the other."))
        return given

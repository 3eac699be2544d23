"""The form of a new key."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import KeyMode
from core.money import AMOUNT_PLACES, DIGITS_MAX, TEST_CURRENCY, Money


class KeyForm(forms.Form):
    """A key: its name, whether it spends money, when it ends, and how much it may spend in all."""

    name = forms.CharField(
        label=_("Name"),
        max_length=200,
        help_text=_("Where it is used, so that you know later which one to revoke."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    mode = forms.ChoiceField(
        label=_("Mode"),
        choices=[(KeyMode.LIVE, _("Live: spends money")), (KeyMode.TEST, _("Test: reaches nothing real"))],
    )
    expires_at = forms.DateTimeField(
        label=_("Ends"),
        required=False,
        help_text=_("In your time zone. Without it the key ends when you revoke it."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M"],
    )
    limit = forms.DecimalField(
        label=_("Spending limit"),
        required=False,
        min_value=Decimal(0),
        max_digits=DIGITS_MAX,
        decimal_places=AMOUNT_PLACES,
        help_text=_("All the key may ever spend. Without it only the wallet limits it."),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    currency = forms.ChoiceField(label=_("Currency of the limit"), required=False)

    def __init__(self, *args: Any, currencies: list[str], may_limit: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if may_limit and currencies:
            self.fields["currency"] = forms.ChoiceField(
                label=_("Currency of the limit"),
                required=False,
                choices=[(code, code) for code in currencies],
            )
        else:
            # Limits move money; and without a wallet there is none to limit.
            del self.fields["limit"], self.fields["currency"]

    def clean(self) -> dict[str, Any]:
        """Test keys spend test money, and nothing else spends it."""
        given = super().clean() or {}
        limited = given.get("limit") is not None
        if limited and (given.get("mode") == KeyMode.TEST) != (given.get("currency") == TEST_CURRENCY):
            text = _("A test key's limit is in %(currency)s, any other key's in money.")
            self.add_error("currency", forms.ValidationError(text, params={"currency": TEST_CURRENCY}))
        return given

    @property
    def ceiling(self) -> Money | None:
        """The limit that was asked for."""
        amount = self.cleaned_data.get("limit")
        if amount is None:
            return None
        return Money(amount, self.cleaned_data["currency"] or self.fields["currency"].choices[0][0])  # type: ignore[attr-defined]

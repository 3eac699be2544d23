"""Forms of money in."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.models import TopUpMethod
from billing.stripe.fraud import Terms
from core import formats
from core.money import AMOUNT_PLACES, DIGITS_MAX
from core.templatetags.looks import read_locale


def _amount(label: Any, help_text: Any = "", *, least: Decimal | None = None) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        help_text=help_text,
        min_value=Decimal(0) if least is None else least,
        max_digits=DIGITS_MAX,
        decimal_places=AMOUNT_PLACES,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )


class TopUpForm(forms.Form):
    """How much, of what, and how."""

    amount = _amount(_("Amount"))
    currency = forms.ChoiceField(label=_("Currency"))
    method = forms.ChoiceField(
        label=_("How to pay"),
        choices=TopUpMethod.choices,
        help_text=_("A stablecoin arrives as US dollars."),
    )
    saves_method = forms.BooleanField(
        label=_("Keep the card for automatic payments of this wallet"), required=False
    )

    def __init__(self, *args: Any, terms: list[Terms], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        locale = read_locale()
        choices = [(one.currency, formats.name_currency(one.currency, locale=locale)) for one in terms]
        self.fields["currency"] = forms.ChoiceField(label=_("Currency"), choices=choices)


class RefundForm(forms.Form):
    """How much goes back."""

    amount = _amount(_("Amount"))


class RechargeForm(forms.Form):
    """When a wallet is filled, by how much, and the caps."""

    threshold = _amount(_("When less than this is available"))
    amount = _amount(_("Pay"))
    day_most = _amount(_("At most in a day"), _("Days and months are of UTC."))
    month_most = _amount(_("At most in a month"))

"""What a refusal of money means, in the reader's language; figures that belong to it come in its `extra`."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core import formats
from core.errors import DomainError
from core.templatetags.looks import read_locale

FIGURES = frozenset({"least", "most", "left"})
"""Names in `extra` whose values are amounts of `currency` there."""
WORDS: Mapping[str, str | Promise] = {
    "rate_unknown": _("Nobody says at the moment what one of these currencies is worth in the other."),
    "rate_stale": _("The newest rate of these two currencies is too old to be used. Try again later."),
    "same_currency": _("These are not two currencies that are exchanged."),
    "quote_expired": _("This rate has expired, and nothing was exchanged. Ask for a new one."),
    "quote_used": _("This rate was used already. Ask for a new one."),
    "amount_too_small": _("So little of it is worth nothing on the other side."),
    "position_full": _(
        "We cannot exchange so much of this currency at the moment. Try a smaller amount, or later."
    ),
    "insufficient_funds": _("The wallet has not so much to spend."),
    "no_wallet": _("There is no wallet in this currency."),
    "currency_unknown": _("There is no such currency here."),
    "payments_unavailable": _("Payments cannot be taken at the moment. Try again in a few minutes."),
    "may_not_fund": _("This organization cannot pay in at the moment. Ask us why."),
    "payment_not_taken": _("This payment cannot be taken. Try another way to pay, or another currency."),
    "amount_does_not_fit": _("This currency has no such small amounts. Leave out the last digits."),
    "amount_below_minimum": _("This is less than can be charged in this currency."),
    "top_up_not_offered": _("This way to pay is not offered in this currency."),
    "too_many_top_ups": _("Too many payments were begun. Wait an hour, or finish one that is open."),
    "invalid_recharge": _("One payment is no more than the day’s cap, and that no more than the month’s."),
    "top_up_not_paid": _("This payment has not arrived, so there is nothing to send back."),
    "no_address_left": _("There is no deposit address left at the moment. Ask us for one."),
    "too_much_test_money": _("No more test money is given away today. There is more tomorrow (UTC)."),
    "chain_unset": _("No chain is connected here."),
}
# What the same refusal means by its `reason`.
BY_REASON: Mapping[str, Mapping[str, str | Promise]] = {
    "free_start_refused": {
        "PERSON": _(
            "You have had test money for as many organizations as one person gets within some weeks."
            " Use one of them, or ask us."
        ),
        "NETWORK": _(
            "Many organizations were given test money from your network lately. Try again later, or ask us."
        ),
        "EMAIL": _("Your e-mail address is of a kind that is lent for a while. Use another, or ask us."),
        "CARD": _(
            "A card of this organization has brought another one its test money. Use that one, or ask us."
        ),
    },
}
WITH_FIGURES: Mapping[str, str | Promise] = {
    "amount_below_minimum": _("At least %(least)s can be charged."),
    "amount_above_maximum": _("At most %(most)s can be charged at once."),
    "top_up_amount_outside": _("One payment is %(least)s to %(most)s."),
    "invalid_recharge": _("One payment is %(least)s to %(most)s."),
    "refund_too_much": _("Of this payment %(left)s can go back."),
    "too_many_top_ups": _("Within a day at most %(most)s may be paid in."),
}


def explain(refusal: DomainError) -> str:
    """In the reader's language where there are words for it, else as it was said."""
    if refusal.code in WITH_FIGURES and not FIGURES.isdisjoint(refusal.extra):
        return str(WITH_FIGURES[refusal.code]) % _read_figures(refusal.extra)
    by_reason = BY_REASON.get(refusal.code, {}).get(str(refusal.extra.get("reason")))
    return str(by_reason or WORDS.get(refusal.code, refusal.message))


def _read_figures(extra: Mapping[str, Any]) -> dict[str, str]:
    currency, locale = extra.get("currency", ""), read_locale()
    return {
        name: f"{formats.show_amount(Decimal(extra[name]), currency, locale=locale)} {currency}"
        for name in FIGURES
        if name in extra
    }

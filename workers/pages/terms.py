"""The contract of an offer: who carries the risk of its price, and what waiting is worth."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.access import Permission
from core.errors import DomainError
from core.quantities import ROUNDING
from marketplace import offer_terms, previews, price_cards
from marketplace.contracts import HOURS_MAX, STEPS_MAX, Contract, Step, Terms, TermsInvalid, check_terms
from marketplace.models import Offer
from workers.pages import showing
from workers.pages.fields import ShareField
from workers.pages.offers import OfferPlace

STEP_FIELD = re.compile(r"steps\[(\d+)\]\.(hours|share)")
NUMBERS = range(1, STEPS_MAX + 1)


class TermsForm(forms.Form):
    """A contract, its cap, and steps of slack: who may wait so long gets so much off hardware and margin."""

    contract = forms.ChoiceField(
        label=gettext_lazy("Contract"),
        choices=[
            (Contract.FIXED, gettext_lazy("Fixed quote: the price counts, whatever power costs then")),
            (
                Contract.PASS_THROUGH,
                gettext_lazy("Pass-through: at most the cap, what is left is given back"),
            ),
            (Contract.SURPLUS, gettext_lazy("Surplus only: sold while the site has surplus power")),
        ],
    )
    cap = ShareField(
        label=gettext_lazy("Cap of a pass-through, in per cent above the forecast"), initial=Decimal(0)
    )

    def __init__(self, *args: Any, terms: Terms, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept: dict[str, Any] = {"contract": terms.contract.value, "cap": terms.cap}
        for number in NUMBERS:
            self.fields[f"hours_{number}"] = forms.IntegerField(
                label=_("Step %(number)s: may wait, hours") % {"number": number},
                required=False,
                min_value=1,
                max_value=HOURS_MAX,
            )
            self.fields[f"share_{number}"] = ShareField(
                label=_("Step %(number)s: off hardware and margin, in per cent") % {"number": number},
                required=False,
            )
        for number, step in enumerate(terms.steps, 1):
            kept |= {f"hours_{number}": step.hours, f"share_{number}": step.share}
        self.initial = {**kept, **self.initial}

    def clean(self) -> dict[str, Any]:
        """A step has both its figures, or neither."""
        given = super().clean() or {}
        for number in NUMBERS:
            hours, share = given.get(f"hours_{number}"), given.get(f"share_{number}")
            if (hours is None) != (share is None):
                missing = f"hours_{number}" if hours is None else f"share_{number}"
                if missing not in self.errors:
                    self.add_error(missing, _("This figure is needed."))
        return given

    @property
    def steps(self) -> list[tuple[int, Step]]:
        """The steps that were said, with the numbers of their fields."""
        given = self.cleaned_data
        return [
            (number, Step(given[f"hours_{number}"], given[f"share_{number}"]))
            for number in NUMBERS
            if given[f"hours_{number}"] is not None
        ]

    @property
    def terms(self) -> Terms:
        """What was said, as the offer's service takes it."""
        given = self.cleaned_data
        return Terms(Contract(given["contract"]), given["cap"], tuple(step for _, step in self.steps))

    def refuse(self, refusal: TermsInvalid) -> None:
        """Tell at the field what the service refuses."""
        field = str(refusal.extra.get("field", ""))
        if (found := STEP_FIELD.fullmatch(field)) is not None:
            number, _step = self.steps[int(found[1])]
            field = f"{found[2]}_{number}"
        self.add_error(field if field in self.fields else None, refusal.message)


class TermsPage(OfferPlace):
    """An offer's contract; a trial shows what work costs that may wait."""

    template_name = "workers/terms.html"
    needs = Permission.MANAGE_SITES

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Try it, or keep it."""
        offer, now = self.offer, timezone.now()
        form = TermsForm(request.POST, terms=offer_terms.read_terms(offer=offer))
        if not form.is_valid():
            return self.refuse(form)
        try:
            check_terms(form.terms)
            if self.is_trial:
                tried = show_terms(offer=offer, terms=form.terms, now=now)
                return self.render_to_response(self.get_context_data(form=form, tried=tried))
            offer_terms.set_terms(offer=offer, terms=form.terms, actor=self.actor, now=now)
        except TermsInvalid as refusal:
            form.refuse(refusal)
            return self.refuse(form)
        except DomainError as refusal:
            form.add_error(None, refusal.message)
            return self.refuse(form)
        messages.success(
            request, _("The contract is kept. Published prices stay until the next are published.")
        )
        return redirect("offer-page", self.organization.uid, offer.uid)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form with what holds now."""
        offer = self.offer
        form = kwargs.get("form") or TermsForm(terms=offer_terms.read_terms(offer=offer))
        return super().get_context_data(**{**kwargs, "offer": offer, "site": offer.site, "form": form})


def show_terms(*, offer: Offer, terms: Terms, now: datetime) -> dict[str, Any]:
    """
    What one unit costs now under terms, at once and for work that may wait; nothing is stored.

    :raises core.errors.DomainError: if electricity has no price now, or credits outweigh costs
    """
    imagined = previews.imagine_terms(offer=offer, terms=terms, now=now)
    stretch = price_cards.find_stretch(site=offer.site, moment=now)
    scale, rows = showing.list_scales(offer)[0], []
    for hours in (0, *(step.hours for step in terms.steps)):
        prices = price_cards.quote_offer(offer=imagined, stretch=stretch, slack_hours=hours).prices
        price = prices.output if offer.unit == Offer.Unit.TOKEN else prices.chip_second
        rows.append((hours, ROUNDING.multiply(price, scale.times)))
    return {"scale": scale, "rows": rows}

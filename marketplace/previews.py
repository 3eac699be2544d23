"""
What an offer would cost over the hours ahead: as it is, or as a draft says. Nothing is stored.

A draft is made of unsaved rows, and read by the same functions as saved ones.
"""

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core import ids
from core.quantities import format_plain
from marketplace import quotes, reference_versions
from marketplace.contracts import Terms as ContractTerms
from marketplace.energy.refusals import BadInput, PriceNegative
from marketplace.energy.work import Unit
from marketplace.models import Model, Offer, OfferTerms, ServingProfile, Site, SiteEnergy, SiteTariff
from marketplace.offers import Serving
from marketplace.outlooks import Outlook
from marketplace.price_cards import PLATFORM_FEE_BPS
from marketplace.prospects import Prospect, foresee, foresee_one_price
from marketplace.site_energy import COOLING_KEYS, FIGURES, PUE_FILE, Energy
from marketplace.site_tariffs import MINUTE, Terms, look_at
from marketplace.tariffs.refusals import FigureMissing

HOURS = 48


@dataclass(frozen=True, slots=True)
class Preview:
    """
    An offer, saved or not, with the hours ahead; without a prospect, `problem` says why there is none.

    `unit` is the one it is sold by: an output token, or a chip-second.
    """

    offer: Offer
    unit: Unit
    prospect: Prospect | None
    problem: str = ""


def find_span(*, now: datetime) -> tuple[datetime, datetime]:
    """From when to when is looked ahead: whole seconds."""
    start = now.replace(microsecond=0)
    return start, start + timedelta(hours=HOURS)


def look_at_power(*, site: Site, now: datetime, terms: Terms | None = None) -> Outlook | None:
    """
    What a kilowatt-hour will cost at a site; None where it costs the same at all times, for want of a tariff.

    :param terms: a tariff that is only tried, as if it were the site's next version
    :raises marketplace.tariffs.refusals.TariffInvalid: if what is tried cannot be meant
    :raises marketplace.tariffs.refusals.FigureMissing: if it needs a figure that is not given
    """
    start, end = find_span(now=now)
    kept = list(SiteTariff.objects.filter(site=site).order_by("number"))
    for one in kept:
        one.site = site
    if terms is not None:
        kept.append(_imagine_tariff(site, terms, number=kept[-1].number + 1 if kept else 1))
    if not kept:
        return None
    try:
        return look_at(site=site, start=start, end=end, tariffs=kept)
    except FigureMissing as missing:
        if terms is not None:
            raise
        return Outlook((), missing.message)


def preview_offer(*, offer: Offer, now: datetime, outlook: Outlook | None) -> Preview:
    """
    Price an offer, saved or imagined, over an outlook of its site; None for one price at all times.

    A figure that cannot be is told as the problem.
    """
    unit = Unit.OUTPUT if offer.unit == Offer.Unit.TOKEN else Unit.CHIP_SECOND
    start, end = find_span(now=now)
    try:
        if outlook is None:
            prospect: Prospect | None = foresee_one_price(
                inputs=quotes.read_inputs(offer=offer, fee_bps=PLATFORM_FEE_BPS), start=start, end=end
            )
        else:
            prospect = foresee(
                read=lambda stretch: quotes.read_inputs(
                    offer=offer, stretch=stretch, fee_bps=PLATFORM_FEE_BPS
                ),
                outlook=outlook,
            )
        if prospect is None:
            return Preview(offer, unit, None, outlook.problem if outlook else "")
        # Worked out here, where credits that outweigh costs can be told.
        _ = prospect.built
    except (BadInput, PriceNegative) as refusal:
        return Preview(offer, unit, None, str(refusal))
    return Preview(offer, unit, prospect, prospect.problem)


def imagine_energy(*, site: Site, energy: Energy) -> Site:
    """
    A site as if its energy were so; the row of the site stays as it is.

    :raises marketplace.reference.usable.FigureUnconfirmed: if the PUE follows from a cooling whose figure
        nobody vouches for, and `energy` does not confirm it
    """
    imagined = copy.copy(site)
    values: Mapping[str, Any] = {name: getattr(energy, name) for name in FIGURES}
    SiteEnergy(site=imagined, updated_at=site.created_at, **{**values, "sources": dict(energy.sources)})
    if energy.pue_basis == SiteEnergy.PueBasis.COOLING:
        imagined.pue = _find_pue(site, energy)
    elif energy.pue is not None:
        imagined.pue = energy.pue
    return imagined


def imagine_offer(*, site: Site, model: Model, unit: str, serving: Serving, now: datetime) -> Offer:
    """An offer of a model as if it were drafted."""
    offer = Offer(
        uid=ids.make_uid(),
        organization=site.organization,
        site=site,
        model=model,
        currency=site.currency,
        unit=unit,
        created_at=now,
    )
    ServingProfile(offer=offer, updated_at=now, **asdict(serving))
    return offer


def imagine_serving(*, offer: Offer, serving: Serving, now: datetime) -> Offer:
    """An offer as if it were served so."""
    imagined, profile = copy.copy(offer), copy.copy(offer.profile)
    for name, value in asdict(serving).items():
        setattr(profile, name, value)
    profile.updated_at, profile.offer = now, imagined
    return imagined


def imagine_terms(*, offer: Offer, terms: ContractTerms, now: datetime) -> Offer:
    """An offer as if it were sold under these terms."""
    imagined = copy.copy(offer)
    steps = [[step.hours, format_plain(step.share)] for step in terms.steps]
    OfferTerms(offer=imagined, contract=terms.contract.value, cap=terms.cap, steps=steps, updated_at=now)
    return imagined


def move_offer(*, offer: Offer, site: Site) -> Offer:
    """An offer as if its site were that one."""
    imagined = copy.copy(offer)
    imagined.site = site
    return imagined


def _imagine_tariff(site: Site, terms: Terms, number: int) -> SiteTariff:
    return SiteTariff(
        uid=ids.make_uid(),
        site=site,
        number=number,
        document=dict(terms.document),
        content_hash="",
        figures=dict(terms.figures),
        hold_minutes=terms.hold // MINUTE,
        quotes_forecasts=terms.quotes_forecasts,
    )


def _find_pue(site: Site, energy: Energy) -> Decimal:
    key = COOLING_KEYS[SiteEnergy.Cooling(energy.cooling)]
    shipped = reference_versions.find_figures(name=PUE_FILE, key=key)
    if energy.confirmed and shipped is not None:
        return Decimal(str(shipped.figures["pue"]))
    found = reference_versions.find_usable(site=site, name=PUE_FILE, key=key, fields=("pue",))["pue"]
    return Decimal(found.value)

"""What stands in the way of a provider's offers, said where it matters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from marketplace.contracts import Contract
from marketplace.models import Offer, OfferPlan, PriceCard, Series, SeriesFeed, SeriesPoint, Site, SiteTariff
from marketplace.offer_terms import read_terms
from marketplace.outlooks import Outlook, list_series
from marketplace.site_tariffs import list_versions
from marketplace.tariffs.refusals import FigureMissing
from workers.models import Endpoint, Node

# A source that was not heard for so long lags; each feed is asked far more often.
STALE_AFTER = timedelta(hours=6)
# What is known must reach at least so far.
AHEAD_MIN = timedelta(hours=6)
# The one in force, and the one that follows it.
VERSIONS_MAX = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is in the way, in words."""

    text: str


def list_of_offers(*, offers: Sequence[Offer], now: datetime) -> dict[int, list[Problem]]:
    """Problems by offer, of those that are live or could be; three queries, however many they are."""
    ids = [offer.pk for offer in offers]
    plans = OfferPlan.objects.filter(offer__in=ids).in_bulk()
    served = dict(Endpoint.objects.filter(offer__in=ids).values_list("offer_id", "node__state"))
    priced = set(PriceCard.objects.filter(offer__in=ids).in_force(now).values_list("offer_id", flat=True))
    found: dict[int, list[Problem]] = {}
    for offer in offers:
        problems = _list_of_offer(offer, plans.get(offer.pk), served.get(offer.pk), offer.pk in priced)
        if problems:
            found[offer.pk] = problems
    return found


def _list_of_offer(
    offer: Offer, plan: OfferPlan | None, node_state: str | None, is_priced: bool
) -> list[Problem]:
    problems = []
    if offer.state == Offer.State.LIVE and not is_priced:
        if read_terms(offer=offer).contract is Contract.SURPLUS:
            problems.append(Problem(_("Not sold now: the site has no surplus power.")))
        else:
            problems.append(Problem(_("Not sold now: it has no price in force.")))
    if plan is not None and plan.problem:
        problems.append(Problem(_("No price for later: %(problem)s") % {"problem": plan.problem}))
    if node_state is None:
        problems.append(Problem(_("No node serves it yet.")))
    elif node_state != Node.State.ACTIVE:
        problems.append(Problem(_("Its node takes no new requests.")))
    return problems


def list_of_site(*, site: Site, outlook: Outlook | None, now: datetime) -> list[Problem]:
    """Why a site's electricity is not known as far as it should be, and figures that nobody vouches for."""
    if outlook is None:
        text = _("One price of electricity counts at all times. A tariff says what it really costs.")
        return [Problem(text)]
    problems = []
    if outlook.problem and (outlook.known_until is None or outlook.known_until < now + AHEAD_MIN):
        problems.append(Problem(outlook.problem))
    names = _list_series(site, now)
    for series in Series.objects.filter(slug__in=names).order_by("slug"):
        if series.synthetic:
            text = _("The series %(name)s is made up, for trials: no price of a real market.")
            problems.append(Problem(text % {"name": series.slug}))
        elif (said := _find_staleness(series, now)) is not None:
            problems.append(Problem(said))
    missing = names - set(Series.objects.filter(slug__in=names).values_list("slug", flat=True))
    problems += [
        Problem(_("There is no series %(name)s, which the tariff follows.") % {"name": name})
        for name in sorted(missing)
    ]
    return problems


def _list_series(site: Site, now: datetime) -> set[str]:
    """Slugs of the series that the newest versions of the tariff follow."""
    rows = list(SiteTariff.objects.filter(site=site).order_by("-number")[:VERSIONS_MAX])
    for one in rows:
        one.site = site
    try:
        return {name.lower() for name in list_series(list_versions(rows, at=now))}
    except FigureMissing:
        # Which is the problem of the outlook, and told as such.
        return set()


def _find_staleness(series: Series, now: datetime) -> str | None:
    feed = SeriesFeed.objects.filter(series=series).first()
    if feed is not None and feed.failures:
        text = _("The feed of %(name)s failed %(count)s times in a row.")
        return text % {"name": series.slug, "count": feed.failures}
    last = (
        SeriesPoint.objects.filter(series=series).order_by("-starts_at").values_list("starts_at", flat=True)
    )
    newest = last.first()
    if newest is None or newest < now - STALE_AFTER:
        return _("The series %(name)s has had nothing new for hours.") % {"name": series.slug}
    return None

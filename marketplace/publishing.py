"""
Price cards ahead: each live offer at a site with a tariff is priced for the days to come, and again whenever
something that its price follows from has changed.
"""

import hashlib
import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched, groupby

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from core import ids
from marketplace.card_plans import Planned, Published, Span, find_horizon, merge_spans, plan_cards
from marketplace.models import Offer, OfferPlan, PriceCard, SiteTariff
from marketplace.outlooks import Outlook, Stretch, look_ahead
from marketplace.price_cards import PLATFORM_FEE_BPS, CardBelowNothing, keep_unit, quote_offer
from marketplace.site_tariffs import list_versions, load_series
from marketplace.tariffs.refusals import FigureMissing

# Of the way prices are made; another number makes every card anew.
FORMULA = 1
BATCH = 500
SECONDS_MAX = 30.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SiteOutlook:
    """What is known of a site's electricity until the horizon, and a digest of all that it follows from."""

    outlook: Outlook
    digest: str
    hold: timedelta


@dataclass(frozen=True, slots=True)
class Done:
    """How many offers were looked at anew, and how many cards were published."""

    offers: int
    cards: int


def publish_ahead(*, now: datetime, seconds_max: float = SECONDS_MAX) -> Done:
    """
    Publish the cards that are missing, site by site. Who is at it elsewhere keeps what is theirs.

    What cannot be priced is said in the offer's plan; its last card holds as long as it says, then the offer
    cannot be bought.

    :param seconds_max: no site is begun after that; the next wake-up goes on
    """
    stop_at = time.monotonic() + seconds_max
    looked = made = 0
    waiting = _list_offers().iterator(chunk_size=BATCH)
    for _, group in groupby(waiting, key=lambda offer: offer.site_id):
        if time.monotonic() > stop_at:
            break
        offers = list(group)
        site = _look_at_site(offers[0], now)
        due = [offer for offer in offers if _make_key(offer, site) != _read_key(offer)]
        for batch in batched(due, BATCH):
            made += _publish_batch(batch, site, now)
            looked += len(batch)
    return Done(looked, made)


def _list_offers() -> QuerySet[Offer]:
    return (
        Offer.objects.filter(state=Offer.State.LIVE, site__tariffs__number=1)
        .select_related("site", "profile", "plan")
        .order_by("site_id", "id")
    )


def _look_at_site(offer: Offer, now: datetime) -> SiteOutlook:
    tariffs = list(SiteTariff.objects.filter(site=offer.site_id).select_related("site").order_by("number"))
    versions = list_versions(tariffs)
    end = find_horizon(now=now)
    try:
        series = load_series(versions=versions, start=now, end=end)
        outlook = look_ahead(versions=versions, series=series, start=now, end=end)
    except FigureMissing as missing:
        outlook, series = Outlook((), str(missing)), {}
    said = [end.isoformat(), *(f"{one.content_hash} {one.pk}" for one in tariffs)]
    said += sorted(f"{name} {one.snapshot}" for name, one in series.items())
    return SiteOutlook(outlook, _digest(said), timedelta(minutes=tariffs[-1].hold_minutes))


def _make_key(offer: Offer, site: SiteOutlook) -> str:
    return _digest([site.digest, *_describe_offer(offer)])


def _describe_offer(offer: Offer) -> list[str]:
    """Everything of an offer and its site that its price follows from, the electricity apart."""
    place, profile = offer.site, offer.profile
    figures = [
        place.pue,
        place.gco2_per_kwh,
        place.carbon_source,
        profile.chips,
        profile.joules_per_output_token,
        profile.joules_source,
        profile.tokens_per_second,
        profile.input_ratio,
        profile.cached_ratio,
        profile.host_factor,
        profile.utilisation,
        profile.watts_idle,
        profile.capital,
        profile.capital_years,
        profile.capital_rate,
        profile.operations_rate,
        profile.margin,
    ]
    return [str(FORMULA), str(PLATFORM_FEE_BPS), offer.unit, offer.currency, *map(str, figures)]


def _read_key(offer: Offer) -> str:
    plan: OfferPlan | None = getattr(offer, "plan", None)
    return plan.key if plan else ""


def _publish_batch(offers: Sequence[Offer], site: SiteOutlook, now: datetime) -> int:
    """One transaction; offers that somebody else is publishing for are left to them."""
    try:
        with transaction.atomic():
            mine = set(
                Offer.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
                .filter(pk__in=[offer.pk for offer in offers], state=Offer.State.LIVE)
                .order_by("pk")
                .values_list("pk", flat=True)
            )
            locked = [offer for offer in offers if offer.pk in mine]
            cards, plans = _make_rows(locked, site, now)
            PriceCard.objects.bulk_create(cards, batch_size=BATCH)
            OfferPlan.objects.bulk_create(
                plans,
                update_conflicts=True,
                unique_fields=["offer"],
                update_fields=["key", "known_until", "problem", "planned_at"],
                batch_size=BATCH,
            )
    except IntegrityError:
        # A card was published by hand at the same moment: the next wake-up sees it.
        logger.info("Cards of %d offers are published at the next wake-up", len(offers))
        return 0
    return len(cards)


def _make_rows(
    offers: Sequence[Offer], site: SiteOutlook, now: datetime
) -> tuple[list[PriceCard], list[OfferPlan]]:
    there = _read_published(offers, now)
    cards: list[PriceCard] = []
    plans: list[OfferPlan] = []
    for offer in offers:
        problem = site.outlook.problem
        published = there.get(offer.pk, [])
        described = _describe_offer(offer)
        stretches = {_find_basis(stretch, described): stretch for stretch in site.outlook.stretches}
        spans = merge_spans(
            Span(stretch.start, stretch.end, _find_basis(stretch, described))
            for stretch in site.outlook.stretches
        )
        try:
            planned = plan_cards(spans=spans, published=published, now=now, hold=site.hold) if spans else ()
            cards += _make_cards(offer, planned, stretches, published, now)
        except CardBelowNothing as below:
            problem = below.message
        plans.append(
            OfferPlan(
                offer=offer,
                key=_make_key(offer, site),
                known_until=site.outlook.known_until,
                problem=problem,
                planned_at=now,
            )
        )
    return cards, plans


def _make_cards(
    offer: Offer,
    planned: Iterable[Planned],
    stretches: Mapping[str, Stretch],
    published: Sequence[Published],
    now: datetime,
) -> list[PriceCard]:
    last = max((card.number for card in published), default=0)
    made = []
    for number, card in enumerate(planned, last + 1):
        stretch = stretches[card.span.basis]
        quote = quote_offer(offer=offer, stretch=stretch)
        sold = keep_unit(offer, quote)
        made.append(
            PriceCard(
                uid=ids.make_uid(),
                offer=offer,
                number=number,
                currency=offer.currency,
                starts_at=card.starts_at,
                valid_until=card.valid_until,
                input_price=sold.input,
                cached_input_price=sold.cached_input,
                output_price=sold.output,
                chip_second_price=sold.chip_second,
                fee_bps=PLATFORM_FEE_BPS,
                breakdown={"unit": offer.unit, **quote.describe(), "electricity": stretch.describe()},
                basis=card.span.basis,
                created_at=now,
            )
        )
    return made


def _read_published(offers: Sequence[Offer], now: datetime) -> dict[int, list[Published]]:
    """Of each offer the card in force and all that start later, and the one with the highest number."""
    mine = PriceCard.objects.filter(offer__in=[offer.pk for offer in offers])
    last = mine.order_by("offer_id", "-number").distinct("offer_id").values("pk")
    counting = mine.filter(Q(starts_at__gt=now) | Q(pk__in=mine.in_force(now).values("pk")) | Q(pk__in=last))
    found: dict[int, list[Published]] = {}
    columns = ("offer_id", "number", "starts_at", "valid_until", "basis")
    for offer, number, starts_at, valid_until, basis in counting.values_list(*columns):
        found.setdefault(offer, []).append(Published(number, starts_at, valid_until, basis))
    return found


def _find_basis(stretch: Stretch, described: Sequence[str]) -> str:
    return _digest([stretch.version.content_hash, str(stretch.price), str(stretch.forecast), *described])


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()

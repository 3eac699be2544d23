"""
Price cards ahead: each live offer at a site with a tariff is priced for the days to come, and again whenever
something that its price follows from has changed.
"""

import hashlib
import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched, groupby

import psycopg
from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet

from core import ids
from core.errors import DomainError
from core.quantities import format_plain
from marketplace.card_plans import Planned, Published, Span, find_horizon, merge_spans, plan_cards
from marketplace.contracts import FIXED, Contract, Terms, is_capped
from marketplace.demand_events import list_effective
from marketplace.energy.refusals import PriceNegative
from marketplace.final_prices import with_estimates
from marketplace.models import Offer, OfferPlan, PriceBasis, PriceCard, SiteTariff
from marketplace.offer_terms import read_terms
from marketplace.outlooks import Outlook, Stretch, look_ahead
from marketplace.price_cards import PLATFORM_FEE_BPS
from marketplace.quotes import Quoter, keep_unit
from marketplace.site_energy import find_energy
from marketplace.site_tariffs import Wanted, list_versions, load_series, with_carbon
from marketplace.tariffs.series import PriceSeries

# Of the way prices are made; another number makes every card anew.
FORMULA = 3
# Of a site's energy, what a price follows from.
PRICED = (
    *("line_loss", "heat_reused", "heat_price", "heat_source", "market_gco2_per_kwh", "market_source"),
    *("matched_share", "carbon_basis", "carbon_price_per_tonne"),
    *("hall_capital_per_watt", "hall_years", "hall_rate", "pue_basis"),
)
# Offers of several sites at once: most of a transaction's time is its statements'.
BATCH = 200
SECONDS_MAX = 30.0
# Sent as binary arrays, without quoting megabytes of text.
BASES = """
INSERT INTO price_basis (digest, offer_id, input_price, cached_input_price, output_price, chip_second_price,
                         breakdown, created_at)
SELECT i.digest, i.offer, i.input::numeric, i.cached::numeric, i.output::numeric, i.chip_second::numeric,
       i.breakdown::jsonb, %b::timestamptz
  FROM unnest(%b::text[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[])
       i(digest, offer, input, cached, output, chip_second, breakdown)
    ON CONFLICT DO NOTHING
"""
# A card has the prices of its basis; many share one.
CARDS = """
INSERT INTO price_card (uid, offer_id, number, currency, starts_at, valid_until, input_price,
                        cached_input_price, output_price, chip_second_price, fee_bps, breakdown,
                        basis, created_at, slack_hours, of_number, capped)
SELECT i.uid, i.offer, i.number, i.currency, i.starts_at, i.valid_until, b.input_price, b.cached_input_price,
       b.output_price, b.chip_second_price, %b::int, '{}', i.basis, %b::timestamptz, i.slack_hours,
       i.of_number, i.capped
  FROM unnest(%b::uuid[], %b::bigint[], %b::int[], %b::text[], %b::timestamptz[], %b::timestamptz[],
              %b::text[], %b::int[], %b::int[], %b::bool[])
       i(uid, offer, number, currency, starts_at, valid_until, basis, slack_hours, of_number, capped)
 CROSS JOIN LATERAL (SELECT * FROM price_basis WHERE digest = i.basis OFFSET 0) b
 ORDER BY i.offer, i.number
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SiteOutlook:
    """What is known of a site's electricity until the horizon, and a digest of all that it follows from."""

    outlook: Outlook
    digest: str
    hold: timedelta


@dataclass(slots=True)
class OfferPlanned:
    """An offer, the cards it lacks, and by digest the electricity they follow from."""

    offer: Offer
    terms: Terms
    key: str
    known_until: datetime | None
    problem: str
    cards: tuple[Planned, ...]
    stretches: Mapping[str, Stretch]
    last_number: int


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
    # Many sites follow one series.
    read: dict[Wanted, PriceSeries] = {}
    looked = made = 0
    for batch in batched(_list_due(now, read, stop_at), BATCH):
        made += _publish_batch(dict(batch), now)
        looked += len(batch)
    return Done(looked, made)


def _list_due(
    now: datetime, read: MutableMapping[Wanted, PriceSeries], stop_at: float
) -> Iterator[tuple[Offer, SiteOutlook]]:
    """Offers whose cards follow from something else than their plan says, with the power of their site."""
    waiting = _list_offers().iterator(chunk_size=BATCH)
    for _, group in groupby(waiting, key=lambda offer: offer.site_id):
        if time.monotonic() > stop_at:
            return
        offers = list(group)
        site = _look_at_site(offers[0], now, read)
        yield from ((offer, site) for offer in offers if _make_key(offer, site) != _read_key(offer))


def _list_offers() -> QuerySet[Offer]:
    return (
        Offer.objects.filter(state=Offer.State.LIVE, site__tariffs__number=1)
        .select_related("site__energy", "profile__finding", "plan", "terms")
        .order_by("site_id", "id")
    )


def _look_at_site(offer: Offer, now: datetime, read: MutableMapping[Wanted, PriceSeries]) -> SiteOutlook:
    tariffs = list(
        SiteTariff.objects.filter(site=offer.site_id).select_related("site__energy").order_by("number")
    )
    end = find_horizon(now=now)
    series: Mapping[str, PriceSeries] = {}
    try:
        versions = list_versions(tariffs, at=now)
        series = load_series(versions=versions, start=now, end=end, read=read)
        events = list_effective(site=offer.site, start=now, end=end)
        outlook = look_ahead(versions=versions, series=series, start=now, end=end, events=events)
        outlook = with_carbon(site=offer.site, outlook=outlook)
        outlook = with_estimates(versions=versions, outlook=outlook)
    except DomainError as refused:
        # Its provider is told; the other sites are not made to wait.
        outlook = Outlook((), refused.message)
    said = [end.isoformat(), outlook.problem, *(f"{one.content_hash} {one.pk}" for one in tariffs)]
    said += sorted(f"{name} {one.snapshot}" for name, one in series.items())
    # Adders and grams follow from more than the tariff and its series.
    said += [f"{one.end.isoformat()} {_describe_stretch(one)} {one.surplus}" for one in outlook.stretches]
    return SiteOutlook(outlook, _digest(said), timedelta(minutes=tariffs[-1].hold_minutes))


def _make_key(offer: Offer, site: SiteOutlook) -> str:
    return _digest([site.digest, *_describe_offer(offer)])


def _describe_offer(offer: Offer) -> list[str]:
    """Everything of an offer and its site that its price follows from, the electricity apart."""
    place, profile = offer.site, offer.profile
    energy = find_energy(site=place)
    figures = [
        *(getattr(energy, name) for name in PRICED),
        json.dumps(energy.sources, sort_keys=True),
        place.pue,
        place.gco2_per_kwh,
        place.carbon_source,
        profile.chips,
        profile.joules,
        profile.joules_source,
        profile.finding_id,
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
        profile.residual,
        profile.embodied_g,
        profile.margin,
    ]
    said = [str(FORMULA), str(PLATFORM_FEE_BPS), str(offer.uid), offer.unit, *map(str, figures)]
    terms = read_terms(offer=offer)
    return said if terms == FIXED else [*said, json.dumps(terms.describe())]


def _read_key(offer: Offer) -> str:
    plan: OfferPlan | None = getattr(offer, "plan", None)
    return plan.key if plan else ""


def _publish_batch(offers: Mapping[Offer, SiteOutlook], now: datetime) -> int:
    """One transaction; offers that somebody else is publishing for are left to them."""
    try:
        with transaction.atomic():
            _look_up_by_index()
            mine = set(
                Offer.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
                .filter(pk__in=[offer.pk for offer in offers], state=Offer.State.LIVE)
                .order_by("pk")
                .values_list("pk", flat=True)
            )
            there = _read_published(mine, now)
            batch = [
                _plan(offer, site, there.get(offer.pk, []), now)
                for offer, site in offers.items()
                if offer.pk in mine
            ]
            _write_bases(batch, now)
            cards = _write_cards(batch, now)
            _write_plans(batch, now)
    except IntegrityError:
        # A card was published by hand at the same moment: the next wake-up sees it.
        logger.info("Cards of %d offers are published at the next wake-up", len(offers))
        return 0
    return cards


def _look_up_by_index() -> None:
    """
    For this transaction: cards and bases grow by thousands while they are published, and until statistics
    follow, the planner would read whole tables for every batch.
    """
    with connection.cursor() as cursor:
        for way in ("seqscan", "hashjoin", "mergejoin"):
            cursor.execute(f"SET LOCAL enable_{way} = off")


def _plan(offer: Offer, site: SiteOutlook, published: Sequence[Published], now: datetime) -> OfferPlanned:
    described, terms = _describe_offer(offer), read_terms(offer=offer)
    by_surplus = terms.contract is Contract.SURPLUS
    named = [(_find_basis(stretch, described), stretch) for stretch in site.outlook.stretches]
    spans = merge_spans(
        Span(stretch.start, stretch.end, basis, sold=stretch.surplus or not by_surplus)
        for basis, stretch in named
    )
    # Surplus ends when it is said to end.
    hold = timedelta(0) if by_surplus else site.hold
    return OfferPlanned(
        offer=offer,
        terms=terms,
        key=_make_key(offer, site),
        known_until=site.outlook.known_until,
        problem=site.outlook.problem,
        cards=plan_cards(spans=spans, published=published, now=now, hold=hold) if spans else (),
        stretches=dict(named),
        last_number=max((card.number for card in published), default=0),
    )


def _write_bases(batch: Sequence[OfferPlanned], now: datetime) -> None:
    """Price what was never priced; an offer whose credits outweigh its costs gets no cards."""
    wanted = {basis for planned in batch for basis in _list_bases(planned)}
    known = set(PriceBasis.objects.filter(digest__in=wanted).values_list("digest", flat=True))
    rows: list[tuple[object, ...]] = []
    for planned in batch:
        missing = {basis: one for basis, one in _list_bases(planned).items() if basis not in known}
        if missing:
            try:
                rows += _price(planned, missing)
            except PriceNegative as negative:
                planned.cards, planned.problem = (), str(negative)
    _insert(BASES, rows, now)


def _list_bases(planned: OfferPlanned) -> dict[str, tuple[str, int]]:
    """By digest, the electricity and the hours of slack of each price that the planned cards need."""
    return {
        _find_form(card.span.basis, hours): (card.span.basis, hours)
        for card in planned.cards
        for hours in _list_forms(planned, card)
    }


def _list_forms(planned: OfferPlanned, card: Planned) -> list[int]:
    """The hours of slack of a card's cheaper forms and of itself, which comes last: that one is in force."""
    return [*(step.hours for step in planned.terms.steps if card.span.sold), 0]


def _find_form(basis: str, hours: int) -> str:
    # Which share the hours stand for is part of the offer's description already.
    return _digest([basis, str(hours)]) if hours else basis


def _price(planned: OfferPlanned, wanted: Mapping[str, tuple[str, int]]) -> list[tuple[object, ...]]:
    offer, quoter = planned.offer, Quoter(offer=planned.offer, fee_bps=PLATFORM_FEE_BPS)
    rows = []
    for digest, (electricity, hours) in wanted.items():
        stretch = planned.stretches[electricity]
        quote = quoter.quote(stretch, slack_hours=hours)
        sold = keep_unit(offer, quote.prices)
        prices = (sold.input, sold.cached_input, sold.output, sold.chip_second)
        rows.append((digest, offer.pk, *map(format_plain, prices), json.dumps(quote.breakdown)))
    return rows


def _write_cards(batch: Sequence[OfferPlanned], now: datetime) -> int:
    rows = [row for planned in batch for row in _list_cards(planned)]
    _insert(CARDS, rows, PLATFORM_FEE_BPS, now)
    return len(rows)


def _list_cards(planned: OfferPlanned) -> Iterator[tuple[object, ...]]:
    number = planned.last_number
    for card in planned.cards:
        stretch = planned.stretches[card.span.basis]
        capped = is_capped(planned.terms, final=stretch.is_final)
        forms = _list_forms(planned, card)
        whole = number + len(forms)
        for hours in forms:
            number += 1
            yield (
                *(ids.make_uid(), planned.offer.pk, number, planned.offer.currency),
                *(card.starts_at, card.valid_until, _find_form(card.span.basis, hours)),
                *(hours, whole if hours else None, capped),
            )


def _insert(statement: str, rows: Sequence[tuple[object, ...]], *first: object) -> None:
    if rows:
        connection.ensure_connection()
        with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
            cursor.execute(statement, [*first, *map(list, zip(*rows, strict=True))])


def _write_plans(batch: Sequence[OfferPlanned], now: datetime) -> None:
    rows = [
        OfferPlan(
            offer=planned.offer,
            key=planned.key,
            known_until=planned.known_until,
            problem=planned.problem,
            planned_at=now,
        )
        for planned in batch
    ]
    OfferPlan.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["offer"],
        update_fields=["key", "known_until", "problem", "planned_at"],
        batch_size=BATCH,
    )


def _read_published(offers: Iterable[int], now: datetime) -> dict[int, list[Published]]:
    """Of each offer the card in force and all that start later, and the one with the highest number."""
    mine = PriceCard.objects.filter(offer__in=offers)
    last = mine.order_by("offer_id", "-number").distinct("offer_id").values("pk")
    counting = mine.filter(Q(starts_at__gt=now) | Q(pk__in=mine.in_force(now).values("pk")) | Q(pk__in=last))
    found: dict[int, list[Published]] = {}
    columns = ("offer_id", "number", "starts_at", "valid_until", "basis_id")
    for offer, number, starts_at, valid_until, basis in counting.values_list(*columns):
        found.setdefault(offer, []).append(Published(number, starts_at, valid_until, basis or ""))
    return found


def _find_basis(stretch: Stretch, described: Sequence[str]) -> str:
    return _digest([_describe_stretch(stretch), *described])


def _describe_stretch(stretch: Stretch) -> str:
    """Everything of a stretch, its time apart, that a price follows from."""
    version, grams = stretch.version, stretch.grams
    adders = [f"{name} {price}" for name, price in sorted(version.adders.items())]
    carbon = [str(grams.per_kwh), grams.source] if grams else []
    rate = [str(version.rate)] if version.rate else []
    said = [version.content_hash, str(stretch.price), str(stretch.forecast)]
    said += ["estimated"] if stretch.estimated else []
    return " ".join([*said, *adders, *carbon, *rate])


def _digest(parts: Iterable[str]) -> str:
    # No part holds the separator: they are numbers, identifiers, and names without control characters.
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()

"""Key figures of sites over time: what the work they sold used, counted day by day."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from core.money import TEST_CURRENCY
from core.quantities import ROUNDING, round_half_even
from marketplace.energy.kpis import Kpis, Sums, find_kpis
from marketplace.models import Site, SiteTariff
from marketplace.site_energy import find_energy
from marketplace.tariffs.components import Kind
from marketplace.tariffs.documents import parse_tariff
from marketplace.tariffs.supplies import Lot, Surplus
from workers.models import SiteDay

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
KWH_PLACES = 12
# Ids of attempts are of the time they were made: a day's lie between two of them. Parts are rounded one by
# one, so that their sum may be a hair above the whole.
WORK = """
SELECT o.site_id, count(DISTINCT a.id), sum(u.ours_out), sum(u.ours_in - u.ours_cached), sum(e.joules),
       sum(e.it_kwh), least(sum(e.it_kwh + e.cooling_kwh), sum(e.kwh)), sum(e.kwh), sum(e.heat_kwh),
       sum(e.gco2e), sum(e.market_gco2e)
  FROM attempt a
  JOIN offer o ON o.id = a.offer_id
  JOIN usage_energy e ON e.attempt_id = a.id
  JOIN usage_record u ON u.attempt_id = a.id AND u.seq = e.seq
 WHERE a.uid >= %s AND a.uid < %s AND o.currency <> %s
 GROUP BY o.site_id
"""
WITHIN = """
SELECT coalesce(sum(e.kwh), 0)
  FROM attempt a
  JOIN offer o ON o.id = a.offer_id
  JOIN usage_energy e ON e.attempt_id = a.id
 WHERE a.uid >= %s AND a.uid < %s AND o.site_id = %s
"""


def count_days(*, now: datetime) -> int:
    """Count yesterday and today as far as it has come; gives how many sites' days were written."""
    today = now.astimezone(UTC).date()
    return sum(count_day(day=day, now=now) for day in (today - DAY, today))


def count_day(*, day: date, now: datetime) -> int:
    """Count a day of all sites anew; gives how many were written."""
    start = datetime.combine(day, time(), UTC)
    with connection.cursor() as cursor:
        cursor.execute(WORK, [make_floor(start), make_floor(start + DAY), TEST_CURRENCY])
        used = {row[0]: row[1:] for row in cursor.fetchall()}
    offering = _list_lots(start, start + DAY)
    rows = [
        _count_site(site, day, used.get(site.pk), offering.get(site.pk, ()), now)
        for site in Site.objects.filter(pk__in=used.keys() | offering.keys()).select_related("energy")
    ]
    SiteDay.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["site", "day"],
        update_fields=[
            field.name for field in SiteDay._meta.fields if field.name not in {"id", "site", "day"}
        ],
    )
    return len(rows)


def list_days(*, site: Site) -> QuerySet[SiteDay]:
    """The days of a site."""
    return SiteDay.objects.filter(site=site)


def read_kpis(row: SiteDay) -> Kpis:
    """The key figures of a day."""
    return find_kpis(
        Sums(
            joules=row.joules,
            output_tokens=Decimal(row.output_tokens),
            input_tokens=Decimal(row.input_tokens),
            it_kwh=row.it_kwh,
            hall_kwh=row.hall_kwh,
            kwh=row.kwh,
            heat_kwh=row.heat_kwh,
            gco2e=row.gco2e,
            market_gco2e=row.market_gco2e,
            renewable_share=row.renewable_share,
            surplus_offered_kwh=row.surplus_offered_kwh,
            surplus_absorbed_kwh=row.surplus_absorbed_kwh,
        )
    )


def make_floor(moment: datetime) -> UUID:
    """The least id (UUID version 7) of a moment."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62)


def _count_site(
    site: Site, day: date, used: tuple[Any, ...] | None, lots: Iterable[Lot], now: datetime
) -> SiteDay:
    attempts, tokens_out, tokens_in, joules, it, hall, kwh, heat, grams, market = used or (0,) * 9 + (None,)
    start = datetime.combine(day, time(), UTC)
    offered = absorbed = Decimal(0)
    for lot in lots:
        begin, end = max(lot.start, start), min(lot.end, start + DAY)
        with localcontext(ROUNDING):
            volume = round_half_even(lot.kw * Decimal((end - begin) // SECOND) / 3600, KWH_PLACES)
        offered += volume
        with connection.cursor() as cursor:
            cursor.execute(WITHIN, [make_floor(begin), make_floor(end), site.pk])
            absorbed += min(volume, cursor.fetchone()[0])
    return SiteDay(
        site=site,
        day=day,
        attempts=attempts,
        output_tokens=tokens_out,
        input_tokens=tokens_in,
        joules=joules,
        it_kwh=it,
        hall_kwh=hall,
        kwh=kwh,
        heat_kwh=heat,
        gco2e=grams,
        market_gco2e=market,
        renewable_share=find_energy(site=site).renewable_share,
        surplus_offered_kwh=offered,
        surplus_absorbed_kwh=absorbed,
        counted_at=now,
    )


def _list_lots(start: datetime, end: datetime) -> dict[int, list[Lot]]:
    """By site, the lots of surplus power of its newest tariff that lie within a span."""
    newest = SiteTariff.objects.order_by("site_id", "-number").distinct("site_id").values("pk")
    found: dict[int, list[Lot]] = {}
    # Most tariffs have none, and reading one costs more than finding it.
    with_lots = {"components": [{"kind": Kind.SURPLUS.value}]}
    for row in SiteTariff.objects.filter(pk__in=newest, document__contains=with_lots):
        for part in parse_tariff(row.document).components:
            if isinstance(part, Surplus):
                lots = [lot for lot in part.lots if lot.start < end and lot.end > start]
                found.setdefault(row.site_id, []).extend(lots)
    return found

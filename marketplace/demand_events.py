"""Demand-response events of sites: taken, called off, and as the tariff engine takes them."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts import access, audit
from accounts.audit import Actor
from core import ids
from core.errors import DomainError
from marketplace.models import DemandEvent, Site
from marketplace.openadr import Event, EventInvalid
from marketplace.tariffs.supplies import Direction, DrEvent

AHEAD_MAX = timedelta(days=366)


class EventOverlaps(DomainError):
    """Two events would ask for something at the same time, or the same one came twice."""

    code = "event_overlaps"


def take_event(*, site: Site, event: Event, actor: Actor, now: datetime) -> list[DemandEvent]:
    """
    Take an event for a site, all its intervals or none. Cards ahead follow within a minute.

    :raises marketplace.openadr.EventInvalid: if it lies in the past, or further ahead than a year
    :raises EventOverlaps: if another event of the site lies there, or this one was taken already
    """
    first, last = event.wishes[0], event.wishes[-1]
    if first.start < now:
        raise EventInvalid("intervalPeriod.start lies in the past.", field="intervalPeriod.start")
    if last.end > now + AHEAD_MAX:
        raise EventInvalid("intervals lie more than a year ahead.", field="intervals")
    try:
        with transaction.atomic():
            made = DemandEvent.objects.bulk_create(
                DemandEvent(
                    uid=ids.make_uid(),
                    site=site,
                    programme=event.programme,
                    name=event.name,
                    number=number,
                    starts_at=wish.start,
                    ends_at=wish.end,
                    direction=wish.direction.value,
                    kw=wish.kw,
                    pay_per_kwh=wish.pay_per_kwh,
                    penalty_per_kwh=wish.penalty_per_kwh,
                    created_at=now,
                )
                for number, wish in enumerate(event.wishes, 1)
            )
            _record(made[0], actor=actor, action="site.take_event", now=now, intervals=len(made))
    except IntegrityError as error:
        # The database sees to it, whoever else takes an event at the same moment.
        raise EventOverlaps(
            "Another event of this site lies at that time, or this one was taken already.", field="intervals"
        ) from error
    return made


def call_off(*, event: DemandEvent, actor: Actor, now: datetime) -> DemandEvent:
    """Let an event count for nothing from now on; one that was called off stays so."""
    with transaction.atomic():
        changed = DemandEvent.objects.filter(pk=event.pk, called_off_at=None).update(called_off_at=now)
        if changed:
            _record(event, actor=actor, action="site.call_off_event", now=now)
    event.refresh_from_db()
    return event


def find_event(*, site: Site, uid: UUID) -> DemandEvent:
    """
    An interval of an event at a site.

    :raises core.errors.NotFound: if there is none there
    """
    return access.get_or_refuse(DemandEvent.objects.filter(site=site), uid=uid)


def list_events(*, site: Site) -> QuerySet[DemandEvent]:
    """Every interval that was ever asked for at a site."""
    return DemandEvent.objects.filter(site=site)


def list_effective(*, site: Site, start: datetime, end: datetime) -> list[DrEvent]:
    """What counts within a span, for the tariff engine."""
    rows = _list_effective(site).filter(starts_at__lt=end, ends_at__gt=start).order_by("starts_at")
    return [
        DrEvent(
            uid=f"dr-{row.uid}",
            start=row.starts_at,
            end=row.ends_at,
            direction=Direction(row.direction),
            kw=row.kw,
            pay_per_kwh=row.pay_per_kwh,
            penalty_per_kwh=row.penalty_per_kwh,
        )
        for row in rows
    ]


def _list_effective(site: Site) -> QuerySet[DemandEvent]:
    return DemandEvent.objects.filter(site=site, called_off_at=None)


def _record(event: DemandEvent, *, actor: Actor, action: str, now: datetime, **details: int) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="demand_event",
        subject_uid=event.uid,
        organization=event.site.organization,
        now=now,
        details={"site": str(event.site.uid), "programme": event.programme, "event": event.name, **details},
    )

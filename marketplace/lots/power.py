"""Lots of power: listed by whoever generates, bid for by sites, awarded once."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID

from django.db import DataError, IntegrityError, transaction
from django.db.models import QuerySet

from accounts import access, audit
from accounts.audit import Actor
from accounts.models import Organization
from core import ids
from core.errors import DomainError, Invalid, NotFound
from core.quantities import format_plain
from marketplace.lots import auction, profiles
from marketplace.models import PowerAward, PowerBid, PowerLot, Site

OPEN_MAX = 200
BIDS_MAX = 500
AHEAD_MAX = timedelta(days=20 * 366)
NOTICE_SECONDS_MAX = 31 * 86_400


class LotInvalid(Invalid):
    """A lot or a bid that cannot be meant."""

    code = "invalid_lot"


class LotSettled(DomainError):
    """The lot was awarded, withdrawn, or its deadline is over."""

    code = "lot_settled"
    message = "This lot takes no more bids and changes no more."


class BidThere(DomainError):
    """A site has one bid for a lot."""

    code = "bid_there"
    message = "This site has a bid for this lot; withdraw that one first."


class TooManyLots(DomainError):
    """More open lots than one organization may have, or bids than a lot takes."""

    code = "too_many_lots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What is said of a lot; fields and units are those of the model `PowerLot`."""

    kind: str
    country: str
    grid_zone: str
    region: str = ""
    starts_at: datetime
    ends_at: datetime
    profile: Mapping[str, Any]
    kw: Decimal
    floor_price: Decimal
    currency: str
    firmness: str
    notice_seconds: int = 0
    min_take_kwh: Decimal = Decimal(0)
    divisible: bool = True
    closes_at: datetime


def list_lot(*, organization: Organization, described: Described, actor: Actor, now: datetime) -> PowerLot:
    """
    List a lot; sites may bid from now on.

    :raises LotInvalid: naming the field that cannot be meant
    :raises marketplace.lots.profiles.ProfileInvalid: if the profile says no time
    :raises TooManyLots: if the organization has too many that are open
    """
    _check(described, now)
    if PowerLot.objects.filter(organization=organization, state=PowerLot.State.OPEN).count() >= OPEN_MAX:
        raise TooManyLots(f"An organization has at most {OPEN_MAX} open lots.")
    try:
        with transaction.atomic():
            lot = PowerLot.objects.create(
                uid=ids.make_uid(),
                organization=organization,
                created_at=now,
                **(asdict(described) | {"profile": dict(described.profile)}),
            )
            _record(lot, "power_lot.list", organization, actor, now, _tell(described))
    except (IntegrityError, DataError) as error:
        raise LotInvalid("A figure is out of range.") from error
    return lot


def withdraw_lot(*, lot: PowerLot, actor: Actor, now: datetime) -> PowerLot:
    """
    Take a lot back; its bids come to nothing.

    :raises LotSettled: if it is settled
    """
    with transaction.atomic():
        held = lock_lot(lot)
        _settle(held, PowerLot.State.WITHDRAWN, now)
        _record(held, "power_lot.withdraw", held.organization, actor, now, {})
    return held


def place_bid(
    *,
    lot: PowerLot,
    site: Site,
    kw: Decimal,
    price: Decimal,
    kw_least: Decimal | None = None,
    actor: Actor,
    now: datetime,
) -> PowerBid:
    """
    Bid for a site: `kw` at `price` per kWh in the lot's currency, or less down to `kw_least` (None: all).

    :raises LotSettled: if the lot takes no more bids
    :raises LotInvalid: if the site lies elsewhere, or figures do not fit the lot
    :raises BidThere: if the site has a bid there
    """
    least = kw if kw_least is None else kw_least
    try:
        with transaction.atomic():
            held = lock_lot(lot)
            if held.closes_at <= now:
                raise LotSettled
            _check_bid(held, site, kw, least, price)
            if held.bids.filter(withdrawn_at=None).count() >= BIDS_MAX:
                raise TooManyLots(f"A lot takes at most {BIDS_MAX} bids.")
            if held.bids.filter(site=site, withdrawn_at=None).exists():
                raise BidThere
            bid = PowerBid.objects.create(
                uid=ids.make_uid(),
                lot=held,
                site=site,
                organization=site.organization,
                kw=kw,
                kw_least=least,
                price=price,
                created_at=now,
            )
            details = {"site": str(site.uid), "kw": format_plain(kw), "price": format_plain(price)}
            _record(held, "power_lot.bid", site.organization, actor, now, details | {"bid": str(bid.uid)})
    except DataError as error:
        raise LotInvalid("A figure is out of range.") from error
    return bid


def withdraw_bid(*, bid: PowerBid, actor: Actor, now: datetime) -> PowerBid:
    """
    Take a bid back; a repeat changes nothing.

    :raises LotSettled: if its lot is settled or its deadline over
    """
    with transaction.atomic():
        held = lock_lot(bid.lot)
        if held.closes_at <= now:
            raise LotSettled
        if PowerBid.objects.filter(pk=bid.pk, withdrawn_at=None).update(withdrawn_at=now):
            _record(held, "power_lot.withdraw_bid", bid.organization, actor, now, {"bid": str(bid.uid)})
    bid.refresh_from_db()
    return bid


def award(*, lot: PowerLot, actor: Actor, now: datetime) -> tuple[PowerAward, ...]:
    """
    Close a lot and award it by the rule of marketplace.lots.auction.

    :raises LotSettled: if it is settled
    """
    with transaction.atomic():
        held = lock_lot(lot)
        bids = {one.pk: one for one in held.bids.filter(withdrawn_at=None).select_related("organization")}
        shares = auction.decide(
            kw=held.kw,
            floor=held.floor_price,
            divisible=held.divisible,
            bids=[auction.Bid(one.pk, one.kw, one.kw_least, one.price) for one in bids.values()],
        )
        made = tuple(
            PowerAward.objects.create(
                uid=ids.make_uid(), lot=held, bid=bids[one.number], kw=one.kw, price=one.price, awarded_at=now
            )
            for one in shares
        )
        _settle(held, PowerLot.State.AWARDED if made else PowerLot.State.UNSOLD, now)
        told = [
            {"bid": str(one.bid.uid), "kw": format_plain(one.kw), "price": format_plain(one.price)}
            for one in made
        ]
        _record(held, "power_lot.award", held.organization, actor, now, {"bids": len(bids), "awards": told})
    return made


def award_early(*, lot: PowerLot, actor: Actor, now: datetime) -> tuple[PowerAward, ...]:
    """
    Award a lot before its deadline, because its lister takes the bids there are.

    :raises LotSettled: if it is settled
    :raises LotInvalid: if no bid would get anything
    """
    with transaction.atomic():
        made = award(lot=lot, actor=actor, now=now)
        if not made:
            raise LotInvalid("No bid would get anything of this lot; withdraw it, or wait for its deadline.")
    return made


def award_due(*, now: datetime) -> int:
    """Award every lot whose deadline is over; gives how many."""
    done = 0
    for lot in PowerLot.objects.filter(state=PowerLot.State.OPEN, closes_at__lte=now).order_by("closes_at")[
        :100
    ]:
        try:
            award(lot=lot, actor=audit.SYSTEM, now=now)
        except LotSettled:
            # Another worker, or the lister, was first.
            continue
        done += 1
    return done


def lock_lot(lot: PowerLot) -> PowerLot:
    """
    Take hold of a lot until the transaction ends.

    :raises LotSettled: if it is settled
    """
    held = PowerLot.objects.select_for_update(of=("self",)).select_related("organization").get(pk=lot.pk)
    if held.state != PowerLot.State.OPEN:
        raise LotSettled
    return held


def list_open(*, now: datetime) -> QuerySet[PowerLot]:
    """Lots that take bids."""
    return PowerLot.objects.filter(state=PowerLot.State.OPEN, closes_at__gt=now)


def find_lot(*, uid: UUID) -> PowerLot:
    """
    A lot; whoever looks for one that was withdrawn finds that.

    :raises core.errors.NotFound: if there is none
    """
    return access.get_or_refuse(PowerLot.objects.select_related("organization"), uid=uid)


def find_own_lot(*, organization: Organization, uid: UUID) -> PowerLot:
    """
    A lot of the organization's own.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    rows = PowerLot.objects.select_related("organization")
    return access.find_owned(rows, organization=organization, uid=uid)


def find_bid(*, organization: Organization, uid: UUID) -> PowerBid:
    """
    A bid of the organization's own.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    rows = PowerBid.objects.select_related("lot", "site", "organization", "award")
    return access.find_owned(rows, organization=organization, uid=uid)


def list_bids(*, lot: PowerLot) -> QuerySet[PowerBid]:
    """
    What was bid for a lot, for its lister.

    :raises core.errors.NotFound: while bids are sealed
    """
    if lot.state == PowerLot.State.OPEN:
        raise NotFound("Bids are sealed until the lot is settled.")
    return PowerBid.objects.filter(lot=lot).select_related("lot", "site", "award")


def _settle(lot: PowerLot, state: PowerLot.State, now: datetime) -> None:
    PowerLot.objects.filter(pk=lot.pk).update(state=state, settled_at=now)
    lot.refresh_from_db()


def _check(described: Described, now: datetime) -> None:
    for name, wrong, problem in (
        ("kind", described.kind not in PowerLot.Kind.values, "is unknown"),
        ("firmness", described.firmness not in PowerLot.Firmness.values, "is unknown"),
        ("kw", described.kw <= 0, "is more than nothing"),
        ("floor_price", described.floor_price < 0, "is not less than zero"),
        ("closes_at", described.closes_at <= now, "lies ahead"),
        ("starts_at", described.starts_at < described.closes_at, "is not before bids close"),
        ("ends_at", described.ends_at <= described.starts_at, "is after the start"),
        ("ends_at", described.ends_at - now > AHEAD_MAX, "is too far ahead"),
        ("notice_seconds", not 0 <= described.notice_seconds <= NOTICE_SECONDS_MAX, "is at most a month"),
        ("min_take_kwh", described.min_take_kwh < 0, "is not less than zero"),
    ):
        if wrong:
            _refuse(name, problem)
    profiles.lay_out(
        profile=described.profile, start=described.starts_at, end=described.ends_at, kw=described.kw
    )


def _check_bid(lot: PowerLot, site: Site, kw: Decimal, least: Decimal, price: Decimal) -> None:
    for name, wrong, problem in (
        ("site", site.country != lot.country, f"lies in another country than {lot.country}"),
        ("site", site.grid_zone != lot.grid_zone, f"lies in another grid zone than {lot.grid_zone}"),
        ("site", lot.region not in ("", site.region), f"lies in another region than {lot.region}"),
        ("kw", not 0 < kw <= lot.kw, "is more than nothing and no more than the lot has"),
        ("kw", not lot.divisible and kw != lot.kw, "is all of the lot, which is not divided"),
        ("kw_least", not 0 < least <= kw, "is more than nothing and no more than kw"),
        ("price", price < lot.floor_price, "is not below the lot's floor"),
    ):
        if wrong:
            _refuse(name, problem)


def _refuse(name: str, problem: str) -> NoReturn:
    raise LotInvalid(f"{name} {problem}.", field=name)


def _tell(described: Described) -> dict[str, Any]:
    return {
        name: value if isinstance(value, bool | int | dict) else str(value)
        for name, value in asdict(described).items()
        if name != "profile"
    }


def _record(
    lot: PowerLot,
    action: str,
    organization: Organization,
    actor: Actor,
    now: datetime,
    details: dict[str, Any],
) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="power_lot",
        subject_uid=lot.uid,
        organization=organization,
        now=now,
        details=details,
    )

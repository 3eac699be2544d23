"""What an award makes of a site's tariff: a component more, so that price cards ahead follow it."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts import audit
from core.errors import DomainError
from core.quantities import format_plain
from marketplace import site_tariffs
from marketplace.lots.profiles import Window, lay_out, share_out
from marketplace.models import PowerAward, PowerLot, Site, SiteTariff
from marketplace.tariffs.components import Kind

logger = logging.getLogger(__name__)

ENERGY = frozenset((Kind.FIXED_ENERGY, Kind.TOU_ENERGY, Kind.INDEX_ENERGY, Kind.TIERED))
PREFIX = "lot-"
DELIVERY = frozenset((Kind.TRANSPORT, Kind.LEVY))


class NoPlace(DomainError):
    """An award cannot become part of the site's tariff as that stands."""

    code = "no_place_for_lot"


def follow_awards(*, now: datetime) -> int:
    """
    Give sites whose tariff lacks a lot they were awarded a version that has it; gives how many got one.

    That is asked of each running award again, so a tariff that a provider sets later keeps its lots.
    """
    done = 0
    rows = PowerAward.objects.filter(lot__ends_at__gt=now).select_related("lot", "bid__site__organization")
    for award in rows.order_by("id"):
        try:
            done += follow_award(award=award, now=now)
        except DomainError as problem:
            logger.warning("Award %s is not in the tariff of its site: %s", award.uid, problem)
    return done


def follow_award(*, award: PowerAward, now: datetime) -> bool:
    """
    Write a version of the site's tariff that has an award's lot; gives whether it lacked it.

    :raises NoPlace: if the tariff is in another currency, or has nothing that the lot could stand in for
    :raises marketplace.site_tariffs.TariffRaced: if somebody else set a tariff at the same moment
    :raises marketplace.tariffs.refusals.TariffInvalid: if the tariff would have more than it can
    """
    site, name = award.bid.site, name_component(award)
    with transaction.atomic():
        latest = SiteTariff.objects.filter(site=site).order_by("-number").first()
        document = latest.document if latest else describe_flat(site, now)
        if any(part["name"] == name for part in document["components"]):
            return False
        lot = award.lot
        if document["currency"] != lot.currency:
            raise NoPlace(f"The site's tariff is in {document['currency']}, the lot in {lot.currency}.")
        terms = site_tariffs.Terms(
            document=add_component(
                document=drop_ended(document=document, now=now),
                component=describe_component(award),
                kind=lot.kind,
            ),
            figures=latest.figures if latest else {},
            hold=timedelta(minutes=latest.hold_minutes) if latest else site_tariffs.HOLD,
            quotes_forecasts=latest.quotes_forecasts if latest else False,
            # The rest is what its provider stood for before; the lot is what the exchange awarded.
            confirmed=True,
        )
        site_tariffs.set_tariff(site=site, terms=terms, actor=audit.SYSTEM, now=now)
    return True


def name_component(award: PowerAward) -> str:
    """What an award's component is called in a tariff."""
    return f"{PREFIX}{award.uid.hex}"


def describe_flat(site: Site, now: datetime) -> dict[str, Any]:
    """The tariff of a site that has set none: its one price."""
    return {
        "format": "jouleport-tariff/1",
        "name": "flat",
        "version": 0,
        "currency": site.currency,
        "zone": site.time_zone,
        "valid_from": f"{(now - timedelta(days=1)).date()}",
        "components": [
            {"name": "energy", "kind": "FIXED_ENERGY", "price": format_plain(site.energy_price)},
        ],
    }


def describe_component(award: PowerAward) -> dict[str, Any]:
    """The component of an award, but for what it replaces."""
    lot = award.lot
    whole = lay_out(profile=lot.profile, start=lot.starts_at, end=lot.ends_at, kw=lot.kw)
    windows: Sequence[Window] = share_out(windows=whole, kw=award.kw, of=lot.kw)
    said = {
        "price": format_plain(award.price),
        "firmness": lot.firmness,
        "notice_seconds": lot.notice_seconds,
        "min_take_kwh": format_plain(lot.min_take_kwh),
        "source": f"lot {lot.uid}",
    }
    return {
        "name": name_component(award),
        "kind": "SURPLUS",
        "source": f"award {award.uid} of lot {lot.uid}",
        "lots": [
            {"start": _write(one.start), "end": _write(one.end), "kw": format_plain(one.kw)} | said
            for one in windows
        ],
    }


def add_component(*, document: Mapping[str, Any], component: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """
    The next version of a tariff's document, with a lot in it. Pure.

    From afar a lot stands in for energy only; direct supply for network and levies as well. Losses and taxes
    that are of what it stands in for are of it too.

    :raises NoPlace: if the tariff has no energy of its own
    """
    parts = [dict(part) for part in document["components"]]
    replaced = ENERGY | DELIVERY if kind == PowerLot.Kind.DIRECT else ENERGY
    names = [part["name"] for part in parts if part["kind"] in replaced]
    if not any(part["kind"] in ENERGY for part in parts):
        raise NoPlace("The site's tariff has no energy that a lot could stand in for.")
    first = next(number for number, part in enumerate(parts) if part["name"] == names[0])
    for part in parts[first:]:
        if part["kind"] in (Kind.LOSS_PCT, Kind.TAX_PCT) and not set(names).isdisjoint(part["of"]):
            part["of"] = [*part["of"], component["name"]]
    parts.insert(first + 1, {**component, "replaces": names})
    return {**document, "version": int(document["version"]) + 1, "components": parts}


def drop_ended(*, document: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A tariff's document without the awarded lots that are over. Pure."""
    ended = {
        part["name"]
        for part in document["components"]
        if part["kind"] == Kind.SURPLUS
        and part["name"].startswith(PREFIX)
        and all(datetime.fromisoformat(one["end"]) <= now for one in part["lots"])
    }
    parts = [dict(part) for part in document["components"] if part["name"] not in ended]
    for part in parts:
        if "of" in part:
            part["of"] = [name for name in part["of"] if name not in ended]
    return {**document, "components": parts}


def _write(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"

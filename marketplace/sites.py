"""Sites: places with one electricity supply."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import available_timezones

from django.db import DataError, IntegrityError, transaction
from django.db.models import QuerySet

from accounts import access, audit
from accounts.audit import Actor
from accounts.models import Organization
from core import ids
from core.errors import Invalid
from core.money import TEST_CURRENCY
from marketplace.models import Site


class SiteInvalid(Invalid):
    """The description of the site cannot be true."""

    code = "invalid_site"


@dataclass(frozen=True, slots=True)
class Description:
    """
    What a provider says of a site.

    `energy_price` is per kWh in `currency`; `pue` is facility over IT energy; `country` is ISO 3166-1
    alpha-2.
    """

    name: str
    country: str
    region: str
    grid_zone: str
    time_zone: str
    currency: str
    energy_price: Decimal
    pue: Decimal
    gco2_per_kwh: Decimal
    carbon_source: str


def create_site(
    *, organization: Organization, described: Description, actor: Actor, now: datetime, test: bool = False
) -> Site:
    """
    Register a site of `organization`.

    :param test: whether it sells simulated answers for test money; providers do not, the platform does
    :raises SiteInvalid: if a figure is out of range, or the currency or time zone unknown
    """
    _check_time_zone(described)
    if (described.currency == TEST_CURRENCY) != test:
        raise SiteInvalid(f"{TEST_CURRENCY} is test money: it is earned by nobody.")
    with _refuse_what_the_database_refuses(), transaction.atomic():
        site = Site.objects.create(
            uid=ids.make_uid(), organization=organization, created_at=now, **asdict(described)
        )
        _record(site, actor=actor, action="site.create", now=now, described=described)
    return site


def change_site(*, site: Site, described: Description, actor: Actor, now: datetime) -> Site:
    """
    Describe a site anew. Cards already published keep their prices; publish new ones to follow the tariff.

    :raises SiteInvalid: if a figure is out of range, the time zone unknown, the currency another, or the
        country of a site that has offers
    """
    _check_time_zone(described)
    if described.country != site.country and site.offers.exists():
        raise SiteInvalid("What was sold from here was sold from its country; register another site instead.")
    if described.currency != site.currency:
        raise SiteInvalid("Offers at this site are priced in its currency; register another site instead.")
    with _refuse_what_the_database_refuses(), transaction.atomic():
        Site.objects.filter(pk=site.pk).update(**asdict(described))
        _record(site, actor=actor, action="site.change", now=now, described=described)
    site.refresh_from_db()
    return site


def find_site(*, organization: Organization, uid: UUID | str) -> Site:
    """
    The organization's site with this uid.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    return access.find_owned(Site.objects.all(), organization=organization, uid=uid)


def list_sites(*, organization: Organization) -> QuerySet[Site]:
    """The organization's sites, oldest first."""
    return Site.objects.filter(organization=organization).order_by("id")


def _check_time_zone(described: Description) -> None:
    if described.time_zone not in available_timezones():
        raise SiteInvalid(f"{described.time_zone} is no time zone.")


def _record(site: Site, *, actor: Actor, action: str, now: datetime, described: Description) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="site",
        subject_uid=site.uid,
        organization=site.organization,
        now=now,
        details={name: str(value) for name, value in asdict(described).items()},
    )


@contextmanager
def _refuse_what_the_database_refuses() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise SiteInvalid("The site's currency is unknown or one of its figures is out of range.") from error

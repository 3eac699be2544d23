"""What a site's hall does with its electricity, as its provider says it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn

from django.db import DataError, IntegrityError, transaction

from accounts import audit
from accounts.audit import Actor
from core.errors import Invalid
from core.quantities import format_plain
from marketplace import reference_versions
from marketplace.energy.inputs import PUE_MAX
from marketplace.models import Series, Site, SiteEnergy
from marketplace.reference.usable import Basis

PUE_FILE = "default_pue"
COOLING_KEYS = {
    SiteEnergy.Cooling.AIR_LEGACY: "air-legacy",
    SiteEnergy.Cooling.AIR: "air-modern",
    SiteEnergy.Cooling.LIQUID: "direct-liquid",
    SiteEnergy.Cooling.IMMERSION: "immersion",
}
ZERO, ONE = Decimal(0), Decimal(1)
SHARES = ("line_loss", "heat_reused", "renewable_share", "matched_share", "hall_rate")
AMOUNTS = ("heat_price", "carbon_price_per_tonne", "hall_capital_per_watt", "market_gco2_per_kwh")
SOURCE_MAX = 200
# Begins the source of a figure that only the provider vouches for.
DECLARED = "declared: "


class SiteEnergyInvalid(Invalid):
    """A figure of a site's energy cannot be true."""

    code = "invalid_site_energy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """
    A site's energy beside its tariff; fields and units are those of the model `SiteEnergy`.

    `pue` is the measured or declared one, None where it follows from `cooling`; `confirmed` says that an
    unverified figure which follows from the cooling is what the provider stands for.
    """

    cooling: str = ""
    pue_basis: str = SiteEnergy.PueBasis.DECLARED
    pue: Decimal | None = None
    confirmed: bool = False
    line_loss: Decimal = ZERO
    it_kw: Decimal | None = None
    load_factor: Decimal | None = None
    heat_reused: Decimal = ZERO
    heat_supply_c: Decimal | None = None
    heat_price: Decimal = ZERO
    heat_source: str = ""
    market_gco2_per_kwh: Decimal | None = None
    market_source: str = ""
    renewable_share: Decimal = ZERO
    matched_share: Decimal = ZERO
    carbon_basis: str = SiteEnergy.CarbonBasis.NONE
    carbon_price_per_tonne: Decimal = ZERO
    carbon_series: str = ""
    hall_capital_per_watt: Decimal = ZERO
    hall_years: int = 15
    hall_rate: Decimal = Decimal("0.08")
    opportunity_price: Decimal | None = None
    sources: Mapping[str, str] = field(default_factory=dict)


FIGURES = tuple(name for name in Energy.__dataclass_fields__ if name not in ("pue", "confirmed"))


def set_energy(*, site: Site, energy: Energy, actor: Actor, now: datetime) -> SiteEnergy:
    """
    Describe a site's energy anew. Price cards ahead follow within a minute; those there are keep theirs.

    :raises SiteEnergyInvalid: naming the figure that cannot be meant
    :raises marketplace.reference.usable.FigureUnconfirmed: if the PUE follows from a cooling whose figure
        nobody vouches for
    """
    check_energy(energy)
    values = {name: getattr(energy, name) for name in FIGURES}
    try:
        with transaction.atomic():
            pue, source = _find_pue(site, energy, actor, now)
            values["sources"] = {**energy.sources, **({"pue": source} if source else {})}
            row, _ = SiteEnergy.objects.update_or_create(
                site=site, defaults=values, create_defaults={**values, "updated_at": now}
            )
            SiteEnergy.objects.filter(pk=row.pk).update(updated_at=now)
            Site.objects.filter(pk=site.pk).update(pue=pue)
            audit.record_event(
                actor=actor,
                action="site.set_energy",
                subject_kind="site",
                subject_uid=site.uid,
                organization=site.organization,
                now=now,
                details=_describe(replace(energy, pue=pue)),
            )
    except (IntegrityError, DataError) as error:
        raise SiteEnergyInvalid("A figure is out of range.") from error
    site.refresh_from_db()
    row.refresh_from_db()
    return row


def find_energy(*, site: Site) -> SiteEnergy:
    """What is said of a site's energy; what holds for one that says nothing, unsaved, if nothing is."""
    found: SiteEnergy | None = getattr(site, "energy", None)
    return found or SiteEnergy(site=site, updated_at=site.created_at)


def describe_pue(*, site: Site) -> dict[str, Any]:
    """The PUE in force as JSON: what it rests on, and whether anybody but the provider vouches for it."""
    energy = find_energy(site=site)
    source = energy.sources.get("pue", "")
    return {
        "value": format_plain(site.pue),
        "basis": energy.pue_basis,
        "source": source,
        "verified": bool(
            energy.pue_basis == SiteEnergy.PueBasis.COOLING and source and not source.startswith(DECLARED)
        ),
    }


def check_energy(energy: Energy) -> None:
    """
    Refuse what cannot be true, before anything is written.

    :raises SiteEnergyInvalid: naming the figure
    """
    _check_choices(energy)
    for name in SHARES:
        if not ZERO <= getattr(energy, name) <= ONE:
            _refuse(name, "is a share, from 0 to 1")
    for name in AMOUNTS:
        if (amount := getattr(energy, name)) is not None and amount < 0:
            _refuse(name, "cannot be negative")
    load, series = energy.load_factor, energy.carbon_series.lower()
    is_market = energy.carbon_basis == SiteEnergy.CarbonBasis.MARKET
    for name, wrong, problem in (
        ("pue", energy.pue is not None and not ONE <= energy.pue <= PUE_MAX, f"is from 1 to {PUE_MAX}"),
        ("it_kw", energy.it_kw is not None and energy.it_kw <= 0, "is the hall's power, above 0"),
        ("load_factor", load is not None and not ZERO < load <= ONE, "is above 0 and at most 1"),
        ("hall_years", not 1 <= energy.hall_years <= 100, "is from 1 to 100"),
        (
            "heat_reused",
            energy.heat_price and not energy.heat_reused,
            "is missing: heat is paid for only as far as it leaves",
        ),
        (
            "heat_source",
            energy.heat_price and not energy.heat_source.strip(),
            "is missing: who pays for the heat?",
        ),
        (
            "market_source",
            energy.market_gco2_per_kwh is not None and not energy.market_source.strip(),
            "is missing: what was contracted?",
        ),
        (
            "market_gco2_per_kwh",
            is_market and energy.market_gco2_per_kwh is None,
            "is missing, and carbon is priced by it",
        ),
        (
            "carbon_series",
            series and not Series.objects.filter(slug=series, kind=Series.Kind.CARBON).exists(),
            "names no series of carbon intensity",
        ),
    ):
        if wrong:
            _refuse(name, problem)
    _check_sources(energy)


def _check_sources(energy: Energy) -> None:
    if unknown := energy.sources.keys() - set(Energy.__dataclass_fields__):
        _refuse(f"sources.{min(unknown)[:64]}", "names no figure")
    for name, text in energy.sources.items():
        if len(text) > SOURCE_MAX:
            _refuse(f"sources.{name}", f"has more than {SOURCE_MAX} characters")


def _check_choices(energy: Energy) -> None:
    for name, choices in (
        ("cooling", SiteEnergy.Cooling),
        ("pue_basis", SiteEnergy.PueBasis),
        ("carbon_basis", SiteEnergy.CarbonBasis),
    ):
        if getattr(energy, name) not in choices.values:
            _refuse(name, f"is one of {', '.join(value or '(empty)' for value in choices.values)}")


def _find_pue(site: Site, energy: Energy, actor: Actor, now: datetime) -> tuple[Decimal, str]:
    """The PUE in force and its source: what was measured or declared, else that of the cooling."""
    if energy.pue_basis != SiteEnergy.PueBasis.COOLING:
        return (site.pue if energy.pue is None else energy.pue), energy.sources.get("pue", "")
    key = COOLING_KEYS.get(SiteEnergy.Cooling(energy.cooling))
    if key is None:
        _refuse("cooling", "is missing, and the PUE is to follow from it")
    if energy.confirmed:
        shipped = reference_versions.find_figures(name=PUE_FILE, key=key)
        if shipped is not None and not shipped.evidence.verified:
            reference_versions.state_figures(
                site=site,
                name=PUE_FILE,
                key=key,
                figures={"pue": str(shipped.figures["pue"])},
                source=f"{shipped.evidence.source}, {shipped.evidence.date}"[:SOURCE_MAX],
                actor=actor,
                now=now,
            )
    found = reference_versions.find_usable(site=site, name=PUE_FILE, key=key, fields=("pue",))["pue"]
    source = found.source if found.basis is Basis.REFERENCE else DECLARED + found.source
    return Decimal(found.value), source[:SOURCE_MAX]


def _describe(energy: Energy) -> dict[str, Any]:
    return {
        name: format_plain(value) if isinstance(value, Decimal) else value
        for name, value in asdict(energy).items()
    }


def _refuse(name: str, problem: str) -> NoReturn:
    raise SiteEnergyInvalid(f"{name} {problem}.", field=name)

"""Reference data in the database: loading the shipped files, and what providers say instead."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from accounts import audit
from accounts.audit import Actor
from core.errors import Invalid
from marketplace.models import ReferenceFigure, ReferenceVersion, Site, SiteFigure
from marketplace.reference.files import Figures, ReferenceFile, check_figures
from marketplace.reference.tables import BadRow, Evidence, Grade
from marketplace.reference.usable import Stated, Usable, choose_figures

LOCK = "reference_load"


class FigureInvalid(Invalid):
    """What a provider states cannot be."""

    code = "invalid_figure"


@dataclass(frozen=True, slots=True)
class Change:
    """What loading a file did: keys that are new, differ, or are gone against the version before."""

    name: str
    number: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def load_files(*, files: Iterable[ReferenceFile], actor: Actor, now: datetime) -> list[Change]:
    """Write a new version of every file whose content is not the newest already; all or nothing."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Two deployments at once must not both find the old version newest.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [LOCK])
        made = [_load_file(file, now) for file in files]
        changes = [change for change in made if change is not None]
        for change in changes:
            audit.record_event(
                actor=actor,
                action="reference.load",
                subject_kind="reference_version",
                subject_uid=None,
                organization=None,
                now=now,
                details={"name": change.name, "number": change.number},
            )
    return changes


def find_version(*, name: str) -> ReferenceVersion | None:
    """The newest version of a file, or None before it was loaded."""
    return ReferenceVersion.objects.filter(name=name).order_by("-number").first()


def list_newest() -> QuerySet[ReferenceVersion]:
    """The newest version of each file."""
    later = ReferenceVersion.objects.filter(name=OuterRef("name"), number__gt=OuterRef("number"))
    return ReferenceVersion.objects.filter(~Exists(later))


def find_figures(*, name: str, key: str) -> Figures | None:
    """A row of the newest version of a file, or None."""
    version = find_version(name=name)
    row = ReferenceFigure.objects.filter(version=version, key=key).first() if version else None
    return _as_figures(row) if row else None


def state_figures(
    *,
    site: Site,
    name: str,
    key: str,
    figures: Mapping[str, str],
    source: str,
    actor: Actor,
    now: datetime,
) -> SiteFigure:
    """
    Keep what a provider says of its site in place of a row; the same as the row confirms it.

    :param figures: fields with their values as texts; those left out stay as shipped

    :raises FigureInvalid: if there is no such file or field, or a value cannot be
    """
    shipped = find_figures(name=name, key=key)
    if not figures or not source.strip():
        raise FigureInvalid("State at least one figure, and where it comes from.")
    try:
        check_figures(name=name, figures=figures, shipped=shipped.figures if shipped else {})
    except BadRow as refusal:
        raise FigureInvalid(f"{refusal.field}: {refusal.reason}.", field=refusal.field)
    with transaction.atomic():
        stated = SiteFigure.objects.create(
            site=site, name=name, key=key, figures=dict(figures), source=source.strip(), stated_at=now
        )
        audit.record_event(
            actor=actor,
            action="site.state_figures",
            subject_kind="site",
            subject_uid=site.uid,
            organization=site.organization,
            now=now,
            details={"name": name, "key": key, "source": stated.source, **figures},
        )
    return stated


def find_usable(*, site: Site, name: str, key: str, fields: Collection[str]) -> dict[str, Usable]:
    """
    Values that may price something at a site: what its provider says, else what was verified.

    :raises marketplace.reference.usable.FigureUnconfirmed: for a field that nobody vouches for
    """
    stated: dict[str, Stated] = {}
    # Each statement replaces the fields it names.
    for row in SiteFigure.objects.filter(site=site, name=name, key=key).order_by("id"):
        stated |= {field: Stated(value, row.source) for field, value in row.figures.items()}
    return choose_figures(
        name=name, key=key, fields=fields, shipped=find_figures(name=name, key=key), stated=stated
    )


def _load_file(file: ReferenceFile, now: datetime) -> Change | None:
    newest = find_version(name=file.name)
    if newest is not None and newest.digest == file.digest:
        return None
    before = {row.key: _as_figures(row) for row in newest.rows.all()} if newest else {}
    version = ReferenceVersion.objects.create(
        name=file.name,
        number=newest.number + 1 if newest else 1,
        digest=file.digest,
        title=file.title,
        source=file.source,
        date=file.date,
        licence=file.licence,
        url=file.url,
        note=file.note,
        loaded_at=now,
    )
    ReferenceFigure.objects.bulk_create(
        ReferenceFigure(
            version=version,
            key=row.key,
            figures=dict(row.figures),
            source=row.evidence.source,
            date=row.evidence.date,
            grade=row.evidence.grade,
            verified=row.evidence.verified,
            note=row.note,
        )
        for row in file.rows
    )
    now_there = {row.key: row for row in file.rows}
    return Change(
        name=file.name,
        number=version.number,
        added=tuple(key for key in now_there if key not in before),
        changed=tuple(key for key, row in now_there.items() if before.get(key, row) != row),
        removed=tuple(key for key in before if key not in now_there),
    )


def _as_figures(row: ReferenceFigure) -> Figures:
    evidence = Evidence(source=row.source, date=row.date, grade=Grade(row.grade), verified=row.verified)
    return Figures(key=row.key, figures=row.figures, evidence=evidence, note=row.note)

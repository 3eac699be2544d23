"""The door for sanctions: names are compared with every list, and a hit waits for an operator's word."""

import csv
import hashlib
from datetime import date, datetime
from pathlib import Path

from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing.compliance import names
from billing.compliance.names import Comparison, Listed
from billing.models import SanctionsList, SanctionsName, Screening
from core import ids
from core.errors import DomainError, Invalid

COLUMNS = ["name", "country"]
NAMES_MAX = 1_000_000
SAMPLE = Path(__file__).with_name("sanctions_sample.csv")
"""Invented names, to try the door with."""


class ListInvalid(Invalid):
    """A file that is no list."""

    code = "invalid_list"


class NothingToDecide(DomainError):
    """The newest screening is no hit."""

    code = "nothing_to_decide"
    message = "There is no hit that waits for a decision."


def load_list(path: Path, *, source: str, dated: date, now: datetime) -> SanctionsList:
    """
    Load a list (CSV with the columns name, country); the same file of a source is loaded once.

    :raises ListInvalid: naming the line that is wrong
    """
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    known = SanctionsList.objects.filter(source=source, sha256=sha256).first()
    if known is not None:
        return known
    rows = _read_rows(content)
    with transaction.atomic():
        made = SanctionsList.objects.create(
            source=source, dated=dated, sha256=sha256, names=len(rows), loaded_at=now
        )
        SanctionsName.objects.bulk_create(
            [
                SanctionsName(
                    list=made, line=line, name=name, words=list(names.split_words(name)), country=country
                )
                for line, name, country in rows
            ],
            batch_size=5000,
        )
    return made


def screen(*, organization: Organization, now: datetime, again: bool = False) -> Screening:
    """
    Compare an organization's name with the newest list of each source.

    A hit about which an operator decided keeps that word while the same name is near the same one.

    :param again: note it also if nothing else came of it than before
    """
    found = compare(organization.name)
    last = Screening.objects.filter(organization=organization).order_by("-id").first()
    matched = found.nearest.name if found.is_hit and found.nearest else ""
    same = last is not None and (last.name, last.matched) == (organization.name, matched)
    if last is not None and same and not again:
        return last
    decided = (
        last is not None and same and last.state in (Screening.State.DISMISSED, Screening.State.CONFIRMED)
    )
    kept = last if decided else None
    return Screening.objects.create(
        uid=ids.make_uid(),
        organization=organization,
        name=organization.name,
        state=kept.state if kept else Screening.State.HIT if matched else Screening.State.CLEAR,
        score=found.score,
        matched=matched,
        source=found.nearest.source if matched and found.nearest else "",
        reason=kept.reason if kept else "",
        made_by=kept.made_by if kept else None,
        made_at=now,
    )


def screen_due(*, now: datetime, limit: int = 1000) -> int:
    """
    Screen whoever was never compared, has another name by now, or was compared with an older list.

    :returns: how many were compared
    """
    newest = SanctionsList.objects.order_by("-loaded_at").values_list("loaded_at", flat=True).first()
    last = Screening.objects.filter(organization=OuterRef("pk")).order_by("-id")
    due = Organization.objects.annotate(
        compared_as=Subquery(last.values("name")[:1]), compared_at=Subquery(last.values("made_at")[:1])
    ).filter(Q(compared_as=None) | ~Q(compared_as=F("name")) | Q(compared_at__lt=newest or now))
    if newest is None:
        return 0
    rows = list(due.order_by("pk")[:limit])
    for organization in rows:
        screen(organization=organization, now=now, again=True)
    return len(rows)


def decide(
    *, organization: Organization, dismiss: bool, reason: str, actor: Actor, now: datetime
) -> Screening:
    """
    Say whether a hit is the same party: dismissed or confirmed, with the reason.

    :raises NothingToDecide: if the newest screening is no hit
    :raises core.errors.Invalid: without a reason
    """
    if not reason.strip():
        raise Invalid("Say why.", field="reason")
    with transaction.atomic():
        # Two operators at once: the second finds the first one's word.
        Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
        last = Screening.objects.filter(organization=organization).order_by("-id").first()
        if last is None or last.state != Screening.State.HIT:
            raise NothingToDecide
        made = Screening.objects.create(
            uid=ids.make_uid(),
            organization=organization,
            name=last.name,
            state=Screening.State.DISMISSED if dismiss else Screening.State.CONFIRMED,
            score=last.score,
            matched=last.matched,
            source=last.source,
            reason=reason,
            made_by=actor.uid,
            made_at=now,
        )
        audit.record_event(
            actor=actor,
            action=f"screening.{made.state.lower()}",
            subject_kind="organization",
            subject_uid=organization.uid,
            organization=organization,
            now=now,
            details={"name": made.name, "matched": made.matched, "source": made.source, "reason": reason},
        )
    return made


def compare(name: str) -> Comparison:
    """The nearest name on the newest list of each source; only names with a word alike are looked at."""
    words = list(names.split_words(name))
    newest = (
        SanctionsList.objects.order_by("source", "-dated", "-id")
        .distinct("source")
        .values_list("pk", "source")
    )
    sources = dict(newest)
    rows = SanctionsName.objects.filter(list__in=list(sources)).order_by("list_id", "line")
    # Words that are spelt a little differently share no index entry: short lists are compared whole.
    if SanctionsName.objects.filter(list__in=list(sources)).count() > WHOLE_MAX:
        rows = rows.filter(words__overlap=words)
    listed = (
        Listed(row.name, tuple(row.words), f"{sources[row.list_id]}", row.country) for row in rows.iterator()
    )
    return names.compare(name, listed)


WHOLE_MAX = 20_000
"""Names up to which every one of them is compared."""


def _read_rows(content: bytes) -> list[tuple[int, str, str]]:
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ListInvalid(f"The file is no UTF-8: {error}") from error
    rows: list[tuple[int, str, str]] = []
    reader = csv.reader(line for line in lines if not line.startswith("#"))
    for number, row in enumerate(reader, start=1):
        if number == 1:
            if row != COLUMNS:
                raise ListInvalid(f"The first line names the columns {', '.join(COLUMNS)}.")
            continue
        if len(row) != len(COLUMNS) or not names.split_words(row[0]):
            raise ListInvalid(f"Row {number} has no name.")
        rows.append((number, row[0].strip(), row[1].strip()))
    if not 0 < len(rows) <= NAMES_MAX:
        raise ListInvalid(f"A list has 1 to {NAMES_MAX} names.")
    return rows

"""Files of values that people bring: read whole, written whole, and kept in the audit trail."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from marketplace.feeds import csv_files
from marketplace.feeds.points import read_unit
from marketplace.models import Series
from marketplace.series import SeriesInvalid, Written, write_reading

NAME_MAX = 200


@dataclass(frozen=True, slots=True)
class File:
    """
    A CSV file: `name` for the audit trail, `unit` of its values (EUR/MWh, g/kWh, kW), and of a gridstatus
    file with several locations the one that is wanted.
    """

    name: str
    lines: Iterable[str]
    unit: str
    location: str = ""


def import_file(*, series: Series, file: File, actor: Actor, now: datetime) -> Written:
    """
    Write a file whole, or nothing of it.

    :raises SeriesInvalid: if the series is synthetic
    :raises marketplace.feeds.points.FeedNonsense: naming line and field of what cannot be believed
    """
    if series.synthetic:
        raise SeriesInvalid(f"{series.slug} is synthetic and takes no file.")
    currency, unit = read_unit(file.unit)
    reading = csv_files.read_file(file.lines, unit=unit, currency=currency, location=file.location)
    with transaction.atomic():
        written = write_reading(series=series, reading=reading, now=now)
        audit.record_event(
            actor=actor,
            action="series.import",
            subject_kind="series",
            subject_uid=None,
            organization=None,
            now=now,
            details={"slug": series.slug, "file": file.name[:NAME_MAX], **asdict(written)},
        )
    return written

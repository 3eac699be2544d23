"""`manage.py reference`: load the shipped reference data, or show what is loaded."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.audit import SYSTEM
from marketplace import reference_versions
from marketplace.models import ReferenceVersion
from marketplace.reference.files import read_files
from marketplace.reference.tables import DATA, BadRow
from marketplace.reference_versions import Change

NAMED_MAX = 5


def describe(change: Change) -> str:
    """What became of a file's rows, the first few by name."""
    rows = {"added": change.added, "changed": change.changed, "removed": change.removed}
    parts = [f"{len(keys)} {word} ({shorten(keys)})" for word, keys in rows.items() if keys]
    return "; ".join(parts) or "its sources"


def shorten(keys: Sequence[str]) -> str:
    """The first few of many names."""
    return ", ".join([*keys[:NAMED_MAX], *(["..."] if len(keys) > NAMED_MAX else [])])


class Command(BaseCommand):
    """Loading the same files again changes nothing."""

    help = "Load the shipped reference data or list it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One subcommand for each thing to do."""
        actions = parser.add_subparsers(dest="action", required=True)
        load = actions.add_parser(
            "load", help="write a version of every file that changed; exit 2 on a bad row"
        )
        load.add_argument("--folder", type=Path, default=DATA, help="a folder with files.csv (default: ours)")
        load.add_argument(
            "--check", action="store_true", help="read the files only; exit 1 if any would change"
        )
        actions.add_parser("list", help="the versions in force")

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        """Do what was asked."""
        if action == "list":
            self.list()
        else:
            self.load(folder=options["folder"], check=options["check"])

    def load(self, *, folder: Path, check: bool) -> None:
        """Say file by file what changed."""
        try:
            files = read_files(folder)
        except (BadRow, OSError, UnicodeDecodeError) as refusal:
            raise CommandError(str(refusal), returncode=2)
        if check:
            stale = [file.name for file in files if not self._is_newest(file.name, file.digest)]
            self.stdout.write(f"Not loaded: {', '.join(stale)}" if stale else "Everything is loaded.")
            if stale:
                sys.exit(1)
            return
        changes = reference_versions.load_files(files=files, actor=SYSTEM, now=timezone.now())
        for change in changes:
            self.stdout.write(f"{change.name} version {change.number}: {describe(change)}")
        if not changes:
            self.stdout.write("Nothing changed.")

    def list(self) -> None:
        """One line for each file."""
        newest = ReferenceVersion.objects.order_by("name", "-number").distinct("name")
        for version in newest:
            verified = version.rows.filter(verified=True).count()
            self.stdout.write(
                f"{version.name} version {version.number}: {version.rows.count()} rows, {verified} verified; "
                f"{version.source}, {version.date}; {version.licence}"
            )

    @staticmethod
    def _is_newest(name: str, digest: str) -> bool:
        version = reference_versions.find_version(name=name)
        return version is not None and version.digest == digest

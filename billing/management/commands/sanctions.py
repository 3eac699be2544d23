"""`manage.py sanctions`: load a list of names that nobody may deal with."""

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing.compliance import screening
from core.errors import Invalid


class Command(BaseCommand):
    """Loads a file and compares every organization with it."""

    help = "Load a sanctions list (CSV: name,country) and screen every organization."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, whose it is and of when."""
        parser.add_argument("file", type=Path, nargs="?", default=screening.SAMPLE)
        parser.add_argument("--source", default="illustrative sample, invented names")
        parser.add_argument("--dated", type=date.fromisoformat, default=date(2026, 1, 1))

    def handle(self, *_: Any, file: Path, source: str, dated: date, **__: Any) -> None:
        """Load and compare."""
        now = timezone.now()
        try:
            made = screening.load_list(file, source=source, dated=dated, now=now)
        except (OSError, Invalid) as error:
            raise CommandError(str(error)) from error
        compared = screening.screen_due(now=timezone.now(), limit=1_000_000)
        self.stdout.write(f"{made}: {made.names} names; {compared} organizations compared.")

"""`manage.py exports`: electricity exported as computing, as CSV."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing.statements.periods import read_period
from core.errors import Invalid
from workers import exports


class Command(BaseCommand):
    """Prints one line for each destination, origin and currency."""

    help = "Print what buyers in other countries used: kWh, gCO2e and what they paid, as CSV."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The period, in days of UTC."""
        parser.add_argument("--since", help="first day, as 2026-11-01 (default: this month's first)")
        parser.add_argument("--until", help="the day after the last (default: tomorrow)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        try:
            period = read_period(since=options["since"], until=options["until"], now=timezone.now())
        except Invalid as error:
            raise CommandError(str(error)) from error
        text = exports.write_csv(exports.list_exports(period=period), period=period)
        self.stdout.write(text, ending="")

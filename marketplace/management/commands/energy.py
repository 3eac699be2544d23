"""Recompute the published examples of energy and price, and say how good the estimator of joules is."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketplace import reference
from marketplace.energy import estimator, fit, page, proof
from marketplace.energy.refusals import BadInput


class Command(BaseCommand):
    """`manage.py energy examples | estimator | page`."""

    help = "Recompute the published examples of energy and price; exits 1 if a figure is not as printed."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to print, and of which file."""
        parser.add_argument("what", choices=("examples", "estimator", "page"))
        parser.add_argument("--file", type=Path, default=proof.FILE, help="another file of examples")

    def handle(self, *args: Any, **options: Any) -> None:
        """
        Print it.

        :raises CommandError: if the file holds what cannot be
        """
        if options["what"] == "estimator":
            self._print_estimator()
            return
        try:
            found = proof.recompute(options["file"])
        except (BadInput, OSError, KeyError, ValueError) as error:
            raise CommandError(f"{options['file']}: {error}") from error
        if options["what"] == "page":
            self.stdout.write(page.render(proof=found, quality=assess()), ending="")
            return
        for line in page.render_plain(found):
            self.stdout.write(line)
        deviations = found.list_deviations()
        for deviation in deviations:
            self.stderr.write(str(deviation))
        self.stdout.write(f"{found.printed} printed figures, {len(deviations)} deviations")
        if deviations:
            sys.exit(1)

    def _print_estimator(self) -> None:
        found = assess()
        self.stdout.write(f"rows {found.rows}, models {found.models}")
        self.stdout.write(f"R2 {found.r2:.3f}, mean absolute error {found.error:.1f} %")
        self.stdout.write(
            f"models left out: {found.unseen_error:.0f} %, 90th percentile {found.unseen_error_p90:.0f} %"
        )


def assess() -> fit.Quality:
    """The estimator over every row that ships."""
    return fit.assess(rows=reference.read_joules(), sizes=dict(estimator.read_sizes()))

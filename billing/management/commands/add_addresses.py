"""`add_addresses FILE`: addresses of the platform's wallet, to be given out for deposits of USDC."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from accounts.audit import SYSTEM
from billing.rails.chain import deposits
from core.errors import DomainError


class Command(BaseCommand):
    """One address a line, with its checksum; those that are known stay as they are."""

    help = "Add addresses for deposits of USDC from a file, one a line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where they are."""
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """
        Add them all, or none.

        :raises CommandError: if the file cannot be read, or a line is no address
        """
        try:
            addresses = options["file"].read_text(encoding="utf-8").split()
            added = deposits.add_addresses(addresses=addresses, actor=SYSTEM, now=timezone.now())
        except (OSError, UnicodeDecodeError, DomainError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{added} addresses are new.")

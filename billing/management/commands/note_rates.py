"""`manage.py note_rates`: note what sources say of currencies at once, before the schedule."""

from typing import Any

from django.core.management.base import BaseCommand

from billing.fx import tasks


class Command(BaseCommand):
    """A repeat notes what is new."""

    help = "Note what sources say currencies are worth."

    def handle(self, *_: Any, **__: Any) -> None:
        """Say how many rates were new."""
        self.stdout.write(f"{tasks.note_rates()} rates noted")

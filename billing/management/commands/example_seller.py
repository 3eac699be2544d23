"""`manage.py example_seller`: what invoices of a desk say of their seller, until somebody says it."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts import audit
from billing import entities
from billing.statements import profiles


class Command(BaseCommand):
    """Leaves a profile that is there as it is."""

    help = "Enter a seller that says it is an example for the first booking entity, if it has none."

    def handle(self, *_: Any, **__: Any) -> None:
        """Say whether it was entered."""
        made = profiles.describe_example_seller(entity=entities.HOME, actor=audit.SYSTEM, now=timezone.now())
        self.stdout.write("entered" if made else "there is one already")

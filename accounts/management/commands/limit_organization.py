"""`manage.py limit_organization`: how much the keys of an organization may ask for."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import rates
from accounts.audit import SYSTEM
from accounts.models import Organization
from accounts.rates import RateLimits
from core.errors import DomainError


class Command(BaseCommand):
    """Replaces the limits of an organization; what is not given is the platform's default again."""

    help = "Limit what an organization's keys may ask for; a limit that is not given is the default again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The organization and its limits."""
        parser.add_argument("organization", type=UUID, help="its uid")
        parser.add_argument("--requests-per-minute", type=int, help="of each key")
        parser.add_argument("--tokens-per-minute", type=int, help="of each key")
        parser.add_argument("--concurrent-requests", type=int, help="of all keys together")

    def handle(self, *_: Any, **options: Any) -> None:
        """Limit it."""
        organization = Organization.objects.filter(uid=options["organization"]).first()
        if organization is None:
            raise CommandError("There is no such organization.")
        try:
            limits = RateLimits(
                requests_per_minute=options["requests_per_minute"],
                tokens_per_minute=options["tokens_per_minute"],
                concurrent_requests=options["concurrent_requests"],
            )
        except DomainError as refusal:
            raise CommandError(refusal.message) from None
        rates.limit_organization(organization=organization, limits=limits, actor=SYSTEM, now=timezone.now())
        self.stdout.write(f"The limits of {organization.name} are replaced.")

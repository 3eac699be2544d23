"""`manage.py rotate_credentials`: encrypt providers' credentials and accounts with the newest key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.rails import files, methods
from workers import upstreams


class Command(BaseCommand):
    """Once it says that none is left, the older keys may be taken out of JOULEPORT_CREDENTIAL_KEYS."""

    help = "Encrypt credentials of upstreams and details of payout methods with the first of the keys."

    def handle(self, *_: Any, **__: Any) -> None:
        """Do it. Harmless to repeat, and while everything runs."""
        accounts = methods.reseal_methods()
        if accounts:
            self.stdout.write(f"{accounts} payout methods were encrypted anew.")
        older = files.count_older()
        if older:
            self.stdout.write(f"{older} files of payouts stay under older keys: keep those to open them.")
        changed, unreadable = upstreams.reseal_credentials()
        self.stdout.write(f"{changed} credentials were encrypted anew, {len(unreadable)} are left.")
        if unreadable:
            left = ", ".join(f"{upstream.uid} (key {upstream.key_id})" for upstream in unreadable)
            raise CommandError(f"No key that is set opens the credentials of: {left}")

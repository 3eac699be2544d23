"""`manage.py rotate_credentials`: encrypt providers' credentials with the newest key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from workers import upstreams


class Command(BaseCommand):
    """Once it says that none is left, the older keys may be taken out of JOULEPORT_CREDENTIAL_KEYS."""

    help = "Encrypt every credential of a direct upstream with the first of JOULEPORT_CREDENTIAL_KEYS."

    def handle(self, *_: Any, **__: Any) -> None:
        """Do it. Harmless to repeat, and while everything runs."""
        changed, unreadable = upstreams.reseal_credentials()
        self.stdout.write(f"{changed} credentials were encrypted anew, {len(unreadable)} are left.")
        if unreadable:
            left = ", ".join(f"{upstream.uid} (key {upstream.key_id})" for upstream in unreadable)
            raise CommandError(f"No key that is set opens the credentials of: {left}")

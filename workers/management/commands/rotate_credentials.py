"""`manage.py rotate_credentials`: encrypt providers' credentials, accounts and papers anew."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.compliance import sealing
from billing.rails import files, methods
from billing.statements import profiles
from workers import upstreams


class Command(BaseCommand):
    """Once it says that none is left, the older keys may be taken out of JOULEPORT_CREDENTIAL_KEYS."""

    help = "Encrypt credentials, payout methods, papers and tax numbers with the first of the keys."

    def handle(self, *_: Any, **__: Any) -> None:
        """Do it. Harmless to repeat, and while everything runs."""
        accounts = methods.reseal_methods()
        if accounts:
            self.stdout.write(f"{accounts} payout methods were encrypted anew.")
        papers, shut = sealing.reseal()
        if papers:
            self.stdout.write(f"{papers} papers and tax numbers were encrypted anew.")
        numbers = profiles.reseal_tax_ids()
        if numbers:
            self.stdout.write(f"{numbers} tax numbers of billing profiles are under the newest key.")
        older = files.count_older()
        if older:
            self.stdout.write(f"{older} files of payouts stay under older keys: keep those to open them.")
        changed, unreadable = upstreams.reseal_credentials()
        self.stdout.write(f"{changed} credentials were encrypted anew, {len(unreadable)} are left.")
        if unreadable:
            left = ", ".join(f"{upstream.uid} (key {upstream.key_id})" for upstream in unreadable)
            raise CommandError(f"No key that is set opens the credentials of: {left}")
        if shut:
            raise CommandError(f"No key that is set opens: {', '.join(shut)}")

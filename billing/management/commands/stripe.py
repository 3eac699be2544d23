"""`manage.py stripe`: is the account at Stripe ready, and make its endpoints so."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from billing.connect import handlers as connected
from billing.stripe import client, handlers, readiness
from core.errors import DomainError


class Command(BaseCommand):
    """Asks Stripe with the key that is set, or the stand-in where none is."""

    help = "Check the account at Stripe, and make its webhook endpoints."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One subcommand for looking, one for changing."""
        actions = parser.add_subparsers(dest="action", required=True)
        check = actions.add_parser(
            "check", help="key, version, account, capabilities, endpoints; exit 1 if unfit"
        )
        check.add_argument("--url", help="where the endpoints have to deliver (default: anywhere)")
        check.add_argument("--live", action="store_true", help="a key of the test mode is unfit")
        install = actions.add_parser("install", help="make or update both endpoints, in our version")
        install.add_argument("--url", required=True, help="https://…/api/stripe/webhook")
        install.add_argument("--retire", action="store_true", help="delete our outdated endpoints")

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        """
        Do what was asked.

        :raises CommandError: if Stripe cannot be asked, or something is unfit
        """
        # Endpoints are told of what these act on.
        handlers.register()
        connected.register()
        try:
            if action == "check":
                self.check_account(url=options["url"], wants_live=options["live"])
            else:
                self.install(url=options["url"], retires=options["retire"])
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal

    def check_account(self, *, url: str | None, wants_live: bool) -> None:
        """Say of each requirement whether it is met."""
        seen = readiness.look(asked=client.make_client(), secrets=len(settings.STRIPE_WEBHOOK_SECRETS))
        findings = readiness.judge(seen=seen, url=url, wants_live=wants_live)
        for one in findings:
            self.stdout.write(f"{'fit  ' if one.is_fit else 'UNFIT'}  {one.text}")
        unfit = sum(not one.is_fit for one in findings)
        if unfit:
            raise CommandError(f"{unfit} of {len(findings)} are unfit.")

    def install(self, *, url: str, retires: bool) -> None:
        """Say what was done, and the secrets of what was made."""
        done = readiness.install(
            asked=client.make_client(), url=url, retires=retires, allows_plain=not settings.STRIPE_KEY
        )
        for one in done:
            self.stdout.write(f"{one.deed:9}  {one.name:7}  {one.id}")
        secrets = [one.secret for one in done if one.secret]
        if secrets:
            self.stdout.write(f"Add to JOULEPORT_STRIPE_WEBHOOK_SECRET, told only now: {','.join(secrets)}")

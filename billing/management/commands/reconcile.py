"""Compare the books with banks, Stripe and our own lists now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import audit
from billing.reconciliation import outside, runs


class Command(BaseCommand):
    """Write down every equation and print it; fails if one is wrong and nobody has said why."""

    help = "Compare the books with banks, Stripe and our own lists now."

    def handle(self, *args: Any, **options: Any) -> None:
        """
        Run it.

        :raises CommandError: if there are differences that nobody has explained
        """
        run = runs.reconcile(
            actor=audit.SYSTEM, now=timezone.now(), stripe=outside.ask_stripe(), chain=outside.ask_chain()
        )
        for line in run.lines.order_by("id"):
            theirs = "-" if line.theirs is None else f"{line.theirs:,f}"
            self.stdout.write(
                f"{line.currency:5} {line.equation:16} {line.ours:>28,f} {theirs:>28} {line.state}"
            )
        still_open = runs.list_open(run)
        if still_open:
            raise CommandError(f"{len(still_open)} differences that nobody has explained.")

"""`manage.py ledger`: verify the books, show the trial balance, hand the ledger to other programs."""

import json
import os
import sys
from argparse import ArgumentParser
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing import export, ledger, trial_balance, verification
from billing.closing import audit_pack
from billing.closing import balances as past
from billing.models import AccountingPeriod
from core.errors import Invalid

READER_GONE = 141
"""What a shell says of programs that SIGPIPE ends."""


class Command(BaseCommand):
    """Reads the ledger; the only thing it ever writes are the numbers of entries that had none yet."""

    help = "Verify the books, show the trial balance, export the ledger."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One subcommand for each thing to do."""
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser("verify", help="recompute everything; exit 1 and name what is wrong")
        verify.add_argument("--json", action="store_true", help="findings as JSON")
        balance = actions.add_parser("trial-balance", help="every account's balance, by currency")
        balance.add_argument("--json", action="store_true", help="balances as JSON")
        when = balance.add_mutually_exclusive_group()
        when.add_argument("--at", type=datetime.fromisoformat, help="as the books told it at a moment")
        when.add_argument(
            "--day", type=date.fromisoformat, help="of everything booked up to the end of a day"
        )
        exporting = actions.add_parser("export", help="write every entry in ledger order")
        exporting.add_argument("--format", choices=sorted(export.WRITERS), required=True)
        exporting.add_argument("--output", type=Path, help="a file (default: standard output)")
        packing = actions.add_parser("audit-pack", help="a closed period as a signed zip file")
        packing.add_argument("--period", type=date.fromisoformat, required=True, help="its last day")
        packing.add_argument(
            "--key", type=Path, required=True, help="Ed25519 private key (PEM) that signs it"
        )
        packing.add_argument("--output", type=Path, required=True)

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        """Do what was asked, as long as somebody reads it."""
        deeds = {
            "verify": self.verify,
            "trial-balance": self.show_trial_balance,
            "export": self.export,
            "audit-pack": self.pack,
        }
        try:
            deeds[action](options)
            self.stdout.flush()
        except BrokenPipeError:
            # Whoever read has seen enough (`| head`). Python would complain again when it flushes at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(READER_GONE)

    def verify(self, options: dict[str, Any]) -> None:
        """Name what is wrong, one line each."""
        findings = verification.verify()
        checks = [check.name for check in verification.list_checks()]
        if options["json"]:
            rows = [{"check": finding.check, "row": finding.row} for finding in findings]
            text = json.dumps(
                {"clean": not findings, "checks": checks, "findings": rows}, default=str, indent=2
            )
            self.stdout.write(text)
        elif findings:
            self.stdout.write("\n".join(map(str, findings)))
        else:
            self.stdout.write(f"Clean: {len(checks)} checks hold.")
        if findings:
            sys.exit(1)

    def show_trial_balance(self, options: dict[str, Any]) -> None:
        """One table for each currency."""
        if options["at"] is not None:
            moment = options["at"] if options["at"].tzinfo else options["at"].replace(tzinfo=UTC)
            balances = past.make_balances(past.read_moment(moment=moment))
        elif options["day"] is not None:
            balances = past.make_balances(past.read_day(day=options["day"]))
        else:
            balances = trial_balance.read_trial_balances()
        if options["json"]:
            self.stdout.write(json.dumps([balance.to_dict() for balance in balances], indent=2))
        else:
            self.stdout.write(
                "\n\n".join(balance.to_text() for balance in balances) or "Nothing has moved yet."
            )
        if not all(balance.balances for balance in balances):
            sys.exit(1)

    def export(self, options: dict[str, Any]) -> None:
        """Number what is committed, so that it is all there, and write it."""
        while ledger.sequence_entries() > 0:
            pass
        if options["output"] is None:
            export.export_ledger(cast(TextIO, self.stdout._out), style=options["format"])
            return
        with options["output"].open("w", encoding="utf-8", newline="") as output:
            export.export_ledger(output, style=options["format"])

    def pack(self, options: dict[str, Any]) -> None:
        """Write the audit pack of a closed period."""
        period = AccountingPeriod.objects.filter(ends_on=options["period"]).first()
        if period is None:
            raise CommandError(f"No closed period ends on {options['period']}.")
        try:
            key = audit_pack.load_key(options["key"])
        except Invalid as error:
            raise CommandError(str(error)) from error
        audit_pack.write_pack(options["output"], period=period, key=key, now=timezone.now())
        self.stdout.write(f"{options['output']}: {period.starts_on} to {period.ends_on}")

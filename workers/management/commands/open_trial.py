"""Have simulated models on offer for test keys."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from workers import trial


class Command(BaseCommand):
    """`manage.py open_trial TOKEN_FILE`: makes what is missing, and keeps the agent's token in the file."""

    help = "Put simulated models on offer for test money, and write the token of the agent that serves them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where the token is kept."""
        parser.add_argument("token_file", type=Path, help="read if it is there, written (0600) if it is new")

    def handle(self, *args: Any, **options: Any) -> None:
        """Open the market and keep the token."""
        path: Path = options["token_file"]
        known = path.read_text(encoding="utf-8").strip() if path.exists() else None
        token = trial.open_market(token=known, now=timezone.now())
        if token != known:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(token + "\n")
        self.stdout.write(f"On offer to test keys: {', '.join(trial.MODELS)}.")

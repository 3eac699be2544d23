"""Make an operator: somebody who runs the exchange and may sign in to the admin."""

import getpass
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts import audit, people
from accounts.models import User


class Command(BaseCommand):
    """`manage.py create_operator EMAIL`; the password is asked for, or read as one line from a pipe."""

    help = "Create an operator, or give an existing user an operator's rights and a new password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One address, and whether to read the password from standard input."""
        parser.add_argument("email")
        parser.add_argument("--name", default="", help="as shown in the admin")

    def handle(self, *args: Any, **options: Any) -> None:
        """
        Create the operator and record it.

        :raises CommandError: if the password is too weak
        """
        email: str = options["email"].strip().lower()
        password = self._read_password()
        try:
            validate_password(password, User(email=email))
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from None
        with transaction.atomic():
            user, is_new = User.objects.get_or_create(email=email, defaults={"name": options["name"]})
            user.is_staff = user.is_superuser = user.is_active = True
            user.set_password(password)
            user.save(update_fields=["is_staff", "is_superuser", "is_active", "password"])
            people.vouch_for_address(user=user)
            audit.record_event(
                actor=audit.SYSTEM,
                action="operator.create" if is_new else "operator.renew",
                subject_kind="user",
                subject_uid=user.uid,
                organization=None,
                now=timezone.now(),
                details={"by": os.environ.get("USER", "")},
            )
        self.stdout.write(f"{email} is an operator.")

    @staticmethod
    def _read_password() -> str:
        # Never as an argument: those are seen by everybody on the machine.
        if sys.stdin.isatty():
            return getpass.getpass("Password: ")
        return sys.stdin.readline().rstrip("\n")

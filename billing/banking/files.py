"""Files of statements: stored as they came, read whole or not at all, and acted on after."""

import hashlib
import json
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, connection, transaction
from psycopg import errors

from accounts import audit
from accounts.audit import Actor
from billing.banking import camt
from billing.banking.accounts import FILE_CURRENCIES
from billing.banking.camt import Statement
from billing.banking.unreadable import Unreadable
from billing.models import BankAccount, BankFile
from core import ids

State = BankFile.State
REFUSAL_LENGTH_MAX = 1000
REFUSALS = frozenset(
    {"bank_statement_changed", "bank_account_open", "bank_statement_continues", "bank_statement_adds_up"}
)
KNOWN_LINE = "bank_line_account_id_reference_key"


def receive(*, content: bytes, actor: Actor, now: datetime) -> BankFile:
    """
    Store a file, then take its statements; answers the file, refused with the reason if they cannot be taken.

    The same file again answers the first time; one that was refused is tried again, because what was missing
    before it may have come.

    :raises Unreadable: if it is empty or too large to be stored
    """
    if not 0 < len(content) <= camt.FILE_BYTES_MAX:
        raise Unreadable(f"A file of statements has up to {camt.FILE_BYTES_MAX // 1_000_000} megabytes.")
    stored, is_new = BankFile.objects.get_or_create(
        sha256=hashlib.sha256(content).hexdigest(),
        defaults={
            "uid": ids.make_uid(),
            "content": content,
            "received_at": now,
            "received_by": actor.uid,
        },
    )
    if is_new or stored.state != State.READ:
        _take(stored, actor=actor, now=now)
    return stored


def _take(stored: BankFile, *, actor: Actor, now: datetime) -> None:
    try:
        with transaction.atomic():
            # Whoever hands in the same file at once waits here, and finds it taken.
            stored.state = BankFile.objects.select_for_update(no_key=True).get(pk=stored.pk).state
            if stored.state == State.READ:
                return
            made = [_import(one, stored, now=now) for one in camt.read_statements(bytes(stored.content))]
            stored.state, stored.refusal = State.READ, ""
            stored.save(update_fields=["state", "refusal"])
            audit.record_event(
                actor=actor,
                action="bank_file.import",
                subject_kind="bank_file",
                subject_uid=stored.uid,
                organization=None,
                now=now,
                details={"sha256": stored.sha256, "statements": len(made), "new": sum(made)},
            )
    except Unreadable as refusal:
        stored.state, stored.refusal = State.REFUSED, refusal.message[:REFUSAL_LENGTH_MAX]
        stored.save(update_fields=["state", "refusal"])


def _import(found: Statement, stored: BankFile, *, now: datetime) -> bool:
    """Take one statement; answers whether it was new."""
    account = _find_account(found)
    lines = [{**asdict(line), "uid": ids.make_uid()} for line in found.lines]
    values: list[Any] = [
        *(ids.make_uid(), stored.pk, account.pk, found.name, found.number, found.sha256),
        *(found.opening, found.closing, found.opens_on, found.closes_on, now),
        json.dumps(lines, default=_plain),
    ]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT is_new FROM import_bank_statement_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                values,
            )
            return bool(cursor.fetchone()[0])
    except DatabaseError as error:
        raise _translate(error, found) from error


def _find_account(found: Statement) -> BankAccount:
    accounts = BankAccount.objects.filter(number=found.number_of_account)
    for account in accounts:
        if FILE_CURRENCIES.get(account.currency, account.currency) == found.currency:
            return account
    tail = found.number_of_account[-4:]
    raise Unreadable(
        f"We keep no account …{tail} in {found.currency}; open it before its statements are read."
    )


def _translate(error: DatabaseError, found: Statement) -> Exception:
    cause = error.__cause__
    name = cause.diag.constraint_name if isinstance(cause, errors.Error) else None
    words = (cause.diag.message_primary if isinstance(cause, errors.Error) else "") or ""
    if name in REFUSALS:
        return Unreadable(f"Statement {found.name}: {words}.")
    if name == KNOWN_LINE:
        return Unreadable(f"Statement {found.name}: a line was in an earlier statement already.")
    return error


def _plain(value: Any) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)

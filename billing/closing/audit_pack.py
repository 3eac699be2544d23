"""
The audit pack of a closed period: all that somebody else needs to recompute it, with hashes and a signature.

Journals for hledger and Beancount, the same as CSV, opening and closing balances, the links of the chain,
what our own verification said, and a manifest that names the SHA-256 of each file and is signed.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TextIO

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction

from billing import verification
from billing.closing import balances
from billing.closing.balances import AccountBalance
from billing.export import Extract, read_entries, write_beancount, write_csv, write_hledger
from billing.models import AccountingPeriod
from core.errors import Invalid

FORMAT = "jouleport-audit-pack/1"
CHAIN = """
SELECT s.seq, e.key, encode(s.chain, 'hex') FROM ledger_seq s JOIN entry e ON e.id = s.entry_id
 WHERE booked_day(e.booked_on, e.happened_at) BETWEEN %s AND %s ORDER BY s.seq
"""
READ_ME = """\
Books of Jouleport from {starts_on} to {ends_on}.

journal.hledger    hledger -f journal.hledger check --strict balancednoautoconversion ordereddates
journal.beancount  bean-check journal.beancount
entries.csv        the same entries, a row for each posting
opening.csv, closing.csv   balances of all accounts: debits less credits
chain.csv          number, key and chain link (SHA-256) of each entry
verification.json  what was recomputed from the rows themselves when the pack was made
manifest.json      SHA-256 of each of these files; manifest.sig is its Ed25519 signature, public.pem the key

openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in manifest.json -sigfile manifest.sig
"""


class UnusableKey(Invalid):
    """The signing key cannot be read, or is none of Ed25519."""

    code = "unusable_key"


def load_key(path: Path) -> Ed25519PrivateKey:
    """
    Read an unencrypted Ed25519 key in PEM (`openssl genpkey -algorithm ed25519`).

    :raises UnusableKey: if it is anything else
    """
    try:
        return read_key(path.read_bytes())
    except (OSError, UnusableKey) as error:
        raise UnusableKey(f"{path}: {error}") from error


def read_key(pem: bytes) -> Ed25519PrivateKey:
    """
    The same of its text.

    :raises UnusableKey: if it is anything else
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise UnusableKey(str(error)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UnusableKey("This is no Ed25519 key.")
    return key


def write_pack(
    output: Path | IO[bytes], *, period: AccountingPeriod, key: Ed25519PrivateKey, now: datetime
) -> None:
    """
    Write the pack as a zip file, out of one snapshot, to a path or into a file that is open.

    Not to be called inside a transaction. Files are streamed, so memory does not grow with the period.
    """
    findings = verification.verify()
    with (
        transaction.atomic(durable=True),
        zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        extract, opening, closing = _extract(period)
        pack = _Pack(archive)
        pack.write("README.txt", lambda file: file.write(READ_ME.format(**_name_days(period))))
        pack.write("journal.hledger", lambda file: write_hledger(file, extract))
        pack.write("journal.beancount", lambda file: write_beancount(file, extract))
        pack.write("entries.csv", lambda file: write_csv(file, extract))
        pack.write("opening.csv", lambda file: _write_rows(file, [_row(line) for line in opening]))
        pack.write("closing.csv", lambda file: _write_rows(file, [_row(line) for line in closing]))
        pack.write("chain.csv", lambda file: _write_chain(file, period))
        said = {
            "checks": [check.name for check in verification.list_checks()],
            "findings": [str(finding) for finding in findings],
        }
        pack.write("verification.json", lambda file: json.dump(said, file, indent=2))
        manifest = json.dumps(
            {
                "format": FORMAT,
                **_name_days(period),
                "closed_at": period.closed_at.astimezone(UTC).isoformat(),
                "balances_sha256": period.sha256,
                "ledger_seq": period.last_seq,
                "chain": bytes(period.chain).hex(),
                "made_at": now.astimezone(UTC).isoformat(),
                "files": pack.hashes,
            },
            indent=2,
        ).encode()
        archive.writestr("manifest.json", manifest)
        archive.writestr("manifest.sig", key.sign(manifest))
        archive.writestr(
            "public.pem",
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
        )


class _Pack:
    """Files of an archive, each with its SHA-256."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.hashes: dict[str, str] = {}

    def write(self, name: str, fill: Callable[[TextIO], Any]) -> None:
        """Write one file as it is made."""
        digest = hashlib.sha256()
        with self._archive.open(name, "w", force_zip64=True) as raw:
            hashing = _Hashing(raw, digest)
            with io.TextIOWrapper(io.BufferedWriter(hashing), encoding="utf-8", newline="") as text:
                fill(text)
        self.hashes[name] = digest.hexdigest()


class _Hashing(io.RawIOBase):
    """Bytes on their way into a file, hashed as they pass."""

    def __init__(self, target: Any, digest: Any) -> None:
        super().__init__()
        self._target, self._digest = target, digest

    def writable(self) -> bool:
        """It is written to."""
        return True

    def write(self, data: Any) -> int:
        """All of it, at once."""
        self._digest.update(data)
        self._target.write(data)
        return len(data)


def _extract(period: AccountingPeriod) -> tuple[Extract, list[AccountBalance], list[AccountBalance]]:
    before = AccountingPeriod.objects.filter(ends_on__lt=period.starts_on).order_by("-ends_on").first()
    opening = [] if before is None else balances.read_closing(period_id=before.pk)
    closing = balances.read_closing(period_id=period.pk)
    extract = Extract(
        entries=lambda: read_entries(booked=(period.starts_on, period.ends_on)),
        closing=lambda: [_row(line) for line in closing],
        opening=[_row(line) for line in opening],
        starts_on=period.starts_on,
    )
    return extract, opening, closing


def _row(line: AccountBalance) -> tuple[str, str, Any]:
    return line.account, line.currency, line.amount


def _name_days(period: AccountingPeriod) -> dict[str, str]:
    return {"starts_on": period.starts_on.isoformat(), "ends_on": period.ends_on.isoformat()}


def _write_rows(file: TextIO, rows: list[tuple[str, str, Any]]) -> None:
    writer = csv.writer(file)
    writer.writerow(("account", "currency", "balance"))
    writer.writerows((account, currency, f"{amount:f}") for account, currency, amount in rows)


def _write_chain(file: TextIO, period: AccountingPeriod) -> None:
    writer = csv.writer(file)
    writer.writerow(("number", "key", "chain"))
    with connection.cursor() as cursor:
        cursor.execute(CHAIN, [period.starts_on, period.ends_on])
        while rows := cursor.fetchmany(5000):
            writer.writerows(rows)

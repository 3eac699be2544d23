"""hledger and Beancount recompute a closed period from its audit pack; OpenSSL checks who signed it."""

import hashlib
import json
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command

from tests.billing import books, exchange, periods
from tests.databases import Database

pytestmark = pytest.mark.judge


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The auditors' counterpart: a key that signs."""
    path = tmp_path / "key.pem"
    path.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


@pytest.fixture
def pack(db: Database, tmp_path: Path, key: Path) -> Path:
    """A period in which everything happened once, after one that has another's balances; unpacked."""
    books.fill(db)
    with psycopg.connect(db.dsn, autocommit=True) as app:
        app.execute("SELECT post_charges_v1(5000)")
        today = datetime.now(UTC).date()
        approval = periods.approve(db, today, starts_on=date(2020, 1, 3))
        close = "SELECT close_period_v1(gen_random_uuid(), %s, %s)"
        exchange.fetch(app, close, approval, datetime.now(UTC) + timedelta(days=1))
    path = tmp_path / "pack.zip"
    call_command("ledger", "audit-pack", "--period", str(today), "--key", str(key), "--output", str(path))
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "pack")
    return tmp_path / "pack"


def test_the_period_is_recomputed_by_programs_of_others(judge: Callable[[str], str], pack: Path) -> None:
    checks = ("check", "--strict", "balancednoautoconversion", "ordereddates")
    for argv in (
        [judge("hledger"), "-f", "journal.hledger", *checks],
        [judge("bean-check"), "journal.beancount"],
    ):
        result = subprocess.run(argv, cwd=pack, capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (0, ""), result.stdout
    assert "Opening balances" in (pack / "journal.hledger").read_text()
    assert json.loads((pack / "verification.json").read_text())["findings"] == []


def test_every_file_is_named_with_its_hash_and_the_list_is_signed(pack: Path) -> None:
    manifest = json.loads((pack / "manifest.json").read_text())
    argv = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin"]
    argv += ["-in", "manifest.json", "-sigfile", "manifest.sig"]

    hashes = {name: hashlib.sha256((pack / name).read_bytes()).hexdigest() for name in manifest["files"]}
    others = {path.name for path in pack.iterdir()} - set(hashes)

    assert hashes == manifest["files"]
    assert others == {"manifest.json", "manifest.sig", "public.pem"}
    assert subprocess.run(argv, cwd=pack, capture_output=True).returncode == 0
    lines = (pack / "closing.csv").read_text().splitlines()[1:]
    text = "\n".join(f"{account} {amount}" for account, _, amount in (line.split(",") for line in lines))
    assert hashlib.sha256(text.encode()).hexdigest() == manifest["balances_sha256"]


def test_an_open_period_has_no_pack(db: Database, tmp_path: Path, key: Path) -> None:
    with pytest.raises(CommandError, match="No closed period"):
        call_command(
            "ledger",
            "audit-pack",
            "--period",
            "2026-01-01",
            "--key",
            str(key),
            "--output",
            str(tmp_path / "x"),
        )

"""
Secrets that are made once, for one machine, and kept in a file only its owner can read.

The file is shell: `set -a; . .jouleport/secrets.env; set +a` gives a terminal what the programs have.
"""

import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

FILE = "secrets.env"


def load_or_make(home: Path) -> dict[str, str]:
    """The values kept in a folder, with those that are missing made and written down."""
    path = home / FILE
    known = _read(path) if path.exists() else {}
    made = {
        "JOULEPORT_SECRET_KEY": secrets.token_urlsafe(48),
        "JOULEPORT_TICKET_SECRET": secrets.token_urlsafe(48),
        "JOULEPORT_BLOB_KEY": Fernet.generate_key().decode("ascii"),
        "JOULEPORT_CREDENTIAL_KEYS": Fernet.generate_key().decode("ascii"),
        # A desk may sign its audit packs with what lies beside them.
        "JOULEPORT_AUDIT_KEY": make_signing_key(),
        # What the stand-in for Stripe signs with; whoever has a key of Stripe has a secret of Stripe, too.
        "JOULEPORT_STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_urlsafe(32)}",
    }
    values = {**made, **known}
    if values != known:
        write(home, values)
    return values


def write(home: Path, values: Mapping[str, str]) -> None:
    """Replace the file at once: a reader sees the old one or the new one."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = home / f"{FILE}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(f"{name}={shlex.quote(value)}\n" for name, value in sorted(values.items()))
        file.flush()
        os.fsync(file.fileno())
    part.replace(home / FILE)


def make_signing_key() -> str:
    """An Ed25519 key in PEM."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def _read(path: Path) -> dict[str, str]:
    words = shlex.split(path.read_text(encoding="utf-8"), comments=True)
    return dict(word.split("=", 1) for word in words)

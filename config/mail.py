"""
How mail leaves: one address in `JOULEPORT_MAIL_URL`.

`console:` writes it to standard output (a desk), `file:///folder` one file a message,
`smtp://user:password@host:587` speaks STARTTLS, `smtps://` TLS from the first byte. Plain SMTP is only spoken
to this machine itself.
"""

from typing import Any
from urllib.parse import unquote, urlsplit

from core.environment import BadEnvironment

BACKENDS = "django.core.mail.backends"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SECONDS_MAX = 10


def read_mailer(url: str) -> dict[str, Any]:
    """
    The entry of Django's MAILERS for an address.

    :raises BadEnvironment: if the address names no way to send mail
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadEnvironment("JOULEPORT_MAIL_URL is no address") from error
    if url == "console:":
        return {"BACKEND": f"{BACKENDS}.console.EmailBackend"}
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return {
            "BACKEND": f"{BACKENDS}.filebased.EmailBackend",
            "OPTIONS": {"file_path": unquote(parts.path)},
        }
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        # The address may hold a password: it is not repeated.
        raise BadEnvironment("JOULEPORT_MAIL_URL must begin with console:, file:///, smtp:// or smtps://")
    at_once = parts.scheme == "smtps"
    options = {
        "host": parts.hostname,
        "port": port or (465 if at_once else 587),
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "use_ssl": at_once,
        "use_tls": not at_once and parts.hostname not in LOOPBACK,
        "timeout": SECONDS_MAX,
    }
    return {"BACKEND": f"{BACKENDS}.smtp.EmailBackend", "OPTIONS": options}

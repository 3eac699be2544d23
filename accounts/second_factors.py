"""Second factors of people: one-time codes, passkeys, recovery codes. Their secrets are sealed at rest."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.signals import authenticator_added
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.http import HttpRequest

from accounts.models import User

ISSUER = "Jouleport"
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class SealingAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Seals what would let its reader compute codes; the first of the keys writes, all of them read."""

    def encrypt(self, text: str) -> str:
        """Seal a secret."""
        return _keys().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Open a sealed secret."""
        return _keys().decrypt(encrypted_text.encode()).decode()

    def get_totp_issuer(self) -> str:
        """What the authenticator app shows."""
        return ISSUER

    def _get_site_name(self) -> str:
        return ISSUER


def has_second_factor(user: User) -> bool:
    """Whether the person has set one up; recovery codes alone are none."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists())


def passed_second_factor(request: HttpRequest) -> bool:
    """Whether whoever holds this session has shown a second factor in it, or signed in with a passkey."""
    records = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" for record in records)


def listen() -> None:
    """Have the session in which a first second factor is set up count as one that has shown it."""
    authenticator_added.connect(_note_first_factor, dispatch_uid="accounts.second_factors")


def find_challenge(request: HttpRequest) -> str | None:
    """The path of the page where this session can show its second factor; None without one."""
    methods: list[dict[str, Any]] = get_adapter(request).get_reauthentication_methods(request.user)
    return next((method["url"] for method in methods if method["id"].startswith("mfa")), None)


def set_one_time_secret(*, user: User, secret: str) -> None:
    """Give a person one-time codes by this Base32 secret instead of those before, and recovery codes."""
    Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).delete()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)


def _note_first_factor(*, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    # Setting one up takes a code of it, or its touch. Whoever has one already shows that one first.
    others = Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exclude(pk=authenticator.pk)
    if authenticator.type in FACTORS and not others.exists():
        record_authentication(request, user, "mfa", type=authenticator.type, id=authenticator.pk)


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.BLOB_KEYS])

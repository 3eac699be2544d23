"""Second factors of people: one-time codes, passkeys, recovery codes. Their secrets are sealed at rest."""

from collections.abc import Callable
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
from django.contrib.auth import update_session_auth_hash
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import urlencode

from accounts.models import User

ISSUER = "Jouleport"
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
# Where one is shown: at the end of signing in, instead of it, and later.
CHALLENGES = frozenset(
    {"mfa_authenticate", "mfa_login_webauthn", "mfa_reauthenticate", "mfa_reauthenticate_webauthn"}
)


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


class FactorsGuard:
    """
    Middleware: whoever has a second factor and has not shown it in this session sees nothing of factors but
    where to show it. A password alone would otherwise replace what is to protect from a stolen password.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponse | None:
        """Lead to the challenge."""
        name = request.resolver_match.url_name if request.resolver_match else None
        # The password is asked for there on behalf of these pages; what was asked before would then be done.
        guarded = name == "account_reauthenticate" or (
            name is not None and name.startswith("mfa_") and name not in CHALLENGES
        )
        user = request.user if guarded else None
        if not isinstance(user, User) or passed_second_factor(request) or not has_second_factor(user):
            return None
        goal = resolve_url("mfa_index") if name == "account_reauthenticate" else request.get_full_path()
        return HttpResponseRedirect(f"{find_challenge(request)}?{urlencode({'next': goal})}")


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
    # Whoever else sits in a session of this person, perhaps with the password alone, has to sign in again.
    others = Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exclude(pk=authenticator.pk)
    if authenticator.type in FACTORS and not others.exists():
        User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
        update_session_auth_hash(request, User.objects.get(pk=user.pk))
        record_authentication(request, user, "mfa", type=authenticator.type, id=authenticator.pk)


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.BLOB_KEYS])

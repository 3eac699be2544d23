"""People and the addresses they sign in with."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress

from accounts.models import User

MAIL_PREFIX = "[Jouleport] "


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """How signing in and signing up differ from allauth's own way."""

    def format_email_subject(self, subject: str) -> str:
        """Begin every subject with our name, not with the host's."""
        return MAIL_PREFIX + subject


def find_display_name(user: User) -> str:
    """How pages and mail call a person."""
    return user.name or user.email


def vouch_for_address(*, user: User) -> None:
    """Take a person's address for verified, on the word of whoever runs the exchange."""
    EmailAddress.objects.filter(user=user).exclude(email=user.email).update(primary=False)
    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )

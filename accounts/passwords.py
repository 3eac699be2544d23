"""
Whether a password is among those that were stolen somewhere and published.

Django's list of common ones is asked first and needs no network. With JOULEPORT_BREACH_CHECK the public
range service of Pwned Passwords is asked as well: it learns the first five of forty digits of the password's
SHA-1, and nothing else. When the service cannot be reached the password is taken on the word of the other
checks, and a warning is logged: nobody is kept from signing up because a third party is down.
"""

import hashlib
import logging
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import outgoing
from core.errors import DomainError

SERVICE = "https://api.pwnedpasswords.com/range/"
PREFIX_DIGITS = 5
POLICY = outgoing.Policy(deadline_seconds=3.0)

logger = logging.getLogger(__name__)


class StolenPasswordValidator:
    """Refuses a password that is known to have been stolen."""

    def __init__(self, *, service: str = SERVICE, policy: outgoing.Policy = POLICY) -> None:
        self.service = service
        self.policy = policy

    def validate(self, password: str, user: Any = None) -> None:
        """
        Refuse what is known to have been stolen.

        :raises ValidationError: saying how often it was found
        """
        # The service's own choice of hash; nothing is protected by it.
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        times = self._count(digest[:PREFIX_DIGITS], digest[PREFIX_DIGITS:])
        if times:
            raise ValidationError(
                ngettext(
                    "This password was stolen elsewhere and published %(times)d time. Choose another one.",
                    "This password was stolen elsewhere and published %(times)d times. Choose another one.",
                    times,
                ),
                code="password_stolen",
                params={"times": times},
            )

    def get_help_text(self) -> str:
        """What forms say of it beforehand."""
        return _("Your password must not be known from a theft elsewhere.")

    def _count(self, prefix: str, rest: str) -> int:
        try:
            answer = outgoing.call(
                method="GET",
                url=self.service + prefix,
                headers={"Add-Padding": "true"},
                transport=outgoing.GuardedTransport(policy=self.policy),
            )
        except DomainError as error:
            logger.warning("Unable to ask whether a password was stolen: %s", error.code)
            return 0
        if answer.status != 200:
            logger.warning("Unable to ask whether a password was stolen: status %d", answer.status)
            return 0
        for line in answer.body.decode("ascii", errors="replace").splitlines():
            found, _colon, times = line.partition(":")
            if found.strip() == rest and times.strip().isdecimal():
                return int(times)
        return 0

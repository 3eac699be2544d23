"""Mail to those who manage a provider's money, about what keeps it from being paid; pages say the same."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from accounts import people
from accounts.models import Membership, Organization, Role
from billing.models import Payout
from billing.settlement import words
from core.money import Money

logger = logging.getLogger(__name__)

type Letter = tuple[str, str]
"""Subject and text."""


def tell_came_back(payout: Payout, *, reason: str) -> None:
    """Say that a payout came back, once it is in the books that it did."""

    def write() -> Letter:
        amount = Money(payout.amount, payout.currency)
        means = str(words.name_reason(reason))
        said = {
            "name": payout.organization.name,
            "amount": amount,
            "reason": f"{means} ({reason})" if means else reason,
        }
        text = _(
            "%(amount)s could not be paid to %(name)s.\n\nThe reason: %(reason)s\n\n"
            "The money is among what is owed to you, and the next settlement pays it. "
            "Payouts, in the console, says what to do."
        )
        return _("A payout of %(amount)s came back") % said, text % said

    mail_managers(payout.organization, write)


def tell_stopped(organization: Organization) -> None:
    """Say that Stripe pays the provider's account no more, once that is written down."""

    def write() -> Letter:
        said = {"name": organization.name}
        text = _(
            "Stripe does not pay the account of %(name)s any more.\n\n"
            "Account at Stripe, in the console under Payout methods, says what Stripe asks for, and leads "
            "to where you tell it."
        )
        return _("Stripe does not pay your account any more"), text % said

    mail_managers(organization, write)


def mail_managers(organization: Organization, write: Callable[[], Letter]) -> None:
    """Mail whoever manages the organization's money, in the language of each, after the commit."""
    transaction.on_commit(lambda: _mail(organization, write))


def _mail(organization: Organization, write: Callable[[], Letter]) -> None:
    members = Membership.objects.filter(
        organization=organization, role__in=(Role.OWNER, Role.FINANCE), user__is_active=True
    ).select_related("user")
    for member in members.order_by("pk"):
        with translation.override(member.user.language or settings.LANGUAGE_CODE):
            subject, text = write()
        try:
            send_mail(people.MAIL_PREFIX + subject, text, None, [member.user.email])
        except OSError as error:
            logger.warning("Somebody could not be mailed: %s", error)

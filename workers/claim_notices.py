"""Mail about claims: to the provider when there is one to answer, to both sides when it is decided."""

from decimal import Decimal

from django.utils.translation import gettext as _

from billing.settlement.notices import Letter, mail_managers
from core.money import Money
from workers.models import AnswerClaim


def tell_opened(claim: AnswerClaim) -> None:
    """Ask the provider for an answer, once the claim is opened."""

    def write() -> Letter:
        said = {"name": claim.provider.name, "model": claim.job.model.slug}
        text = _(
            "A buyer claims that an answer of %(model)s, made by %(name)s, was bad.\n\n"
            "Claims, in the console, has what was said and shown. Answer there before it is decided."
        )
        return _("A claim about an answer of yours"), text % said

    mail_managers(claim.provider, write)


def tell_decided(claim: AnswerClaim) -> None:
    """Tell both sides what was decided, and why."""
    credit = Money(claim.credit or Decimal(0), claim.currency)

    def write() -> Letter:
        said = {"model": claim.job.model.slug, "credit": credit, "reason": claim.decision}
        given = _("Of the claim about an answer of %(model)s, %(credit)s are credited.\n\n%(reason)s")
        none = _("Of the claim about an answer of %(model)s, nothing is credited.\n\n%(reason)s")
        text = given if credit.amount else none
        return _("A claim is decided"), text % said

    # Who buys of itself is told once.
    for organization in dict.fromkeys((claim.organization, claim.provider)):
        mail_managers(organization, write)

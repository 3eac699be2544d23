"""Setting an offer's terms: its contract, its cap and its steps of slack."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from core.quantities import format_plain
from marketplace.contracts import FIXED, Contract, Step, Terms, TermsInvalid, check_terms
from marketplace.models import Offer, OfferTerms, SiteTariff


def set_terms(*, offer: Offer, terms: Terms, actor: Actor, now: datetime) -> None:
    """
    Sell an offer under other terms. Cards ahead follow within a minute; those published keep theirs.

    :raises marketplace.contracts.TermsInvalid: naming the figure that cannot be meant
    """
    check_terms(terms)
    if terms.contract is not Contract.FIXED and not SiteTariff.objects.filter(site=offer.site_id).exists():
        raise TermsInvalid("contract needs a tariff of the offer's site.", field="contract")
    with transaction.atomic():
        OfferTerms.objects.update_or_create(
            offer=offer,
            defaults={
                "contract": terms.contract.value,
                "cap": terms.cap,
                "steps": [[step.hours, format_plain(step.share)] for step in terms.steps],
                "updated_at": now,
            },
        )
        audit.record_event(
            actor=actor,
            action="offer.set_terms",
            subject_kind="offer",
            subject_uid=offer.uid,
            organization=offer.organization,
            now=now,
            details=terms.describe(),
        )


def read_terms(*, offer: Offer) -> Terms:
    """An offer's terms; a fixed quote without steps, where nothing was said."""
    row: OfferTerms | None = getattr(offer, "terms", None)
    if row is None:
        return FIXED
    return Terms(
        contract=Contract(row.contract),
        cap=row.cap,
        steps=tuple(Step(hours, Decimal(share)) for hours, share in row.steps),
    )

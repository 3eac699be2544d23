"""
Evidence about a dispute, handed in at Stripe by an operator: once, and for good.

It is kept here before Stripe hears of it. If Stripe does not answer, the same text is handed in again under
the same key; another one is refused, because nobody knows whether the first arrived.
"""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import stripe
from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from billing import spending, wallets
from billing.models import StripeDispute, StripeTopUp
from billing.stripe import client, disputes, facts
from core.errors import DomainError, Invalid

LENGTH_MAX = 20_000
"""Stripe takes 150,000 characters in all, of which ours are the larger part."""
WANTED = frozenset({"needs_response", "warning_needs_response"})
"""Words of Stripe's for disputes that wait for evidence."""
PRODUCT = "Computing by use (answers of language models), paid for in advance from a prepaid wallet."


class NoEvidenceWanted(DomainError):
    """The dispute waits for none: it was given, its time is over, or it has ended."""

    code = "no_evidence_wanted"
    message = "Stripe takes no evidence about this dispute any more."


class OtherEvidence(DomainError):
    """Something else was handed in before, and Stripe has not said whether it came."""

    code = "other_evidence"
    message = "Other evidence was handed in before; only the same may be handed in again."


def is_wanted(*, dispute: StripeDispute, now: datetime) -> bool:
    """Whether evidence may be handed in now."""
    return dispute.status in WANTED and (dispute.due_by is None or now < dispute.due_by)


def hand_in(
    *, dispute: StripeDispute, text: str, actor: Actor, asked: stripe.StripeClient, now: datetime
) -> StripeDispute:
    """
    Keep a text and hand it in as evidence.

    :raises core.errors.Invalid: without a text, or with one that is too long
    :raises NoEvidenceWanted: if none is taken any more
    :raises OtherEvidence: if another one may have been handed in
    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer; the same may be tried again
    """
    text = text.strip()
    if not text or len(text) > LENGTH_MAX:
        raise Invalid(f"Evidence has 1 to {LENGTH_MAX} characters.", field="evidence")
    row = _keep(dispute, text, actor, now)
    given: Any = {
        "uncategorized_text": text,
        "product_description": PRODUCT,
        "customer_name": row.top_up.organization.name,
    }
    key = f"dispute-evidence:{row.pk}:{hashlib.sha256(text.encode()).hexdigest()}"
    with client.asking():
        try:
            told = asked.v1.disputes.update(
                row.pk, {"evidence": given, "submit": True}, {"idempotency_key": key}
            )
        except stripe.InvalidRequestError as refusal:
            raise NoEvidenceWanted from refusal
    return disputes.apply(top_up=row.top_up, found=facts.read_dispute(told.to_dict()), now=now)


def _keep(dispute: StripeDispute, text: str, actor: Actor, now: datetime) -> StripeDispute:
    with transaction.atomic():
        rows = StripeDispute.objects.select_related("top_up__organization")
        row = rows.select_for_update(no_key=True, of=("self",)).get(pk=dispute.pk)
        if not is_wanted(dispute=row, now=now):
            raise NoEvidenceWanted
        if row.evidence and row.evidence != text:
            raise OtherEvidence
        if not row.evidence:
            row.evidence, row.evidence_at, row.evidence_by = text, now, actor.uid
            row.save(update_fields=["evidence", "evidence_at", "evidence_by"])
            audit.record_event(
                actor=actor,
                action="dispute.evidence",
                subject_kind="top_up",
                subject_uid=row.top_up.uid,
                organization=row.top_up.organization,
                now=now,
                details={"dispute": row.pk, "characters": len(text)},
            )
    return row


def describe_use(*, top_up: StripeTopUp, now: datetime) -> str:
    """What we know of a payment, as a draft of evidence: when it was made, and what was used since."""
    wallet = wallets.find_wallet(organization_id=top_up.organization_id, currency=top_up.currency)
    since = top_up.paid_at or top_up.created_at
    days = spending.list_days(wallet=wallet, now=now, zone=UTC, days=(now - since).days + 1)
    used = [one for one in days if one.amount.amount]
    paid = f"{top_up.amount.normalize():f} {top_up.currency} were paid on {_write(since)}"
    by = f" by {top_up.method.lower()}" if top_up.method else ""
    if not used:
        return f"{paid}{by} into a prepaid wallet. Nothing of it was used yet."
    amount = spending.add_days(used, currency=top_up.currency)
    return (
        f"{paid}{by} into a prepaid wallet for computing by use. Since then the customer used computing worth"
        f" {amount} from it, on {len(used)} days from {_write(used[0].day)} to {_write(used[-1].day)}."
    )


def _write(moment: date | datetime) -> str:
    local = moment.astimezone(UTC) if isinstance(moment, datetime) else moment
    return f"{local:%Y-%m-%d}"


def count_days_left(*, dispute: StripeDispute, now: datetime) -> int | None:
    """Whole days until no evidence is taken; None where nobody said, less than nothing when it is over."""
    return None if dispute.due_by is None else (dispute.due_by - now) // timedelta(days=1)

"""
Drafts that nobody has to think of: when a day, a week or a month begins, what providers chose is counted.

A draft is a proposal and nothing more: a person looks at it and submits it, another approves it. Nothing is
drafted twice for a period, also if the first draft was given up; what was missed is made up for soon after.
"""

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from accounts.audit import Actor
from billing.models import LedgerAccount, SettlementBatch
from billing.settlement import batches, terms
from billing.settlement.gates import Ask
from billing.settlement.terms import Every
from core.money import TEST_CURRENCY

GRACE: Mapping[Every, timedelta] = {
    Every.MONTHLY: timedelta(days=5),
    Every.WEEKLY: timedelta(days=2),
    Every.DAILY: timedelta(days=1),
}
"""How long after the beginning of a period its draft is still made; the longest period first."""

logger = logging.getLogger(__name__)


class NobodyPaid(Exception):
    """A draft in which nobody would be paid, and which is therefore not kept."""


def find_turn(*, drafted: Collection[str], now: datetime) -> Every | None:
    """
    The longest schedule whose period began lately and was not drafted; it takes the shorter ones with it.

    :param drafted: what the batches of a currency and entity are called, given up or not
    """
    for every, grace in GRACE.items():
        began = terms.find_period_start(every, now=now)
        if now - began < grace and terms.name_period(every, now=now) not in drafted:
            return every
    return None


def draft_due(*, ask: Ask, actor: Actor, now: datetime) -> list[SettlementBatch]:
    """Draft what is due in every currency and entity in which providers earn; answers the drafts."""
    made = []
    for currency, entity in list_books():
        since = Q(currency=currency, entity=entity, drafted_at__gte=now - timedelta(days=32))
        drafted = set(SettlementBatch.objects.filter(since).values_list("period", flat=True))
        turn = find_turn(drafted=drafted, now=now)
        if turn is not None:
            made += _draft(currency, entity, turn, ask=ask, actor=actor, now=now)
    return made


def list_books() -> list[tuple[str, str]]:
    """Currency and entity of everything that is owed to providers; test money is owed to nobody."""
    rows = LedgerAccount.objects.filter(purpose="PAYABLE").exclude(currency=TEST_CURRENCY)
    return sorted(set(rows.values_list("currency", "entity")))


def _draft(
    currency: str, entity: str, every: Every, *, ask: Ask, actor: Actor, now: datetime
) -> list[SettlementBatch]:
    try:
        with transaction.atomic():
            batch = batches.draft(
                currency=currency, every=every, entity=entity, ask=ask, actor=actor, now=now
            )
            if not batch.items.filter(amount__gt=0).exists():
                raise NobodyPaid
    except (NobodyPaid, batches.NothingToSettle):
        return []
    except (batches.BatchOpen, batches.NotNumbered) as wait:
        logger.info("No draft of %s in the books of %s yet: %s", currency, entity, wait.message)
        return []
    return [batch]

"""Invoices of months that are over, for every wallet that was charged."""

import logging
import time
from datetime import datetime

from django.db import connection

from accounts.audit import Actor
from accounts.models import Organization
from billing.models import SellerProfile
from billing.statements import invoices
from billing.statements.invoices import InvoicedMeanwhile, NothingToInvoice
from billing.statements.taxes import NoTaxRule

SECONDS_MAX = 20
# Wallets of entities that invoice, of which nothing was invoiced up to the day yet.
WALLETS = """
SELECT a.organization_id, a.currency FROM ledger_account a
 WHERE a.purpose = 'WALLET' AND a.currency <> 'XTS' AND a.entity = ANY (%(entities)s)
   AND NOT EXISTS (SELECT 1 FROM invoice i WHERE i.account_id = a.id AND i.until >= %(until)s)
 ORDER BY a.id
"""

logger = logging.getLogger(__name__)


def issue_due(*, actor: Actor, now: datetime, seconds_max: float = SECONDS_MAX) -> int:
    """
    Invoice everything that was booked before this month, once a month; gives how many documents were issued.

    Wallets for whose sales there is no tax rule are told of in the log and left to operators. It stops after
    `seconds_max` and goes on at the next call.
    """
    until, issued, stop_at = now.date().replace(day=1), 0, time.monotonic() + seconds_max
    entities = list(SellerProfile.objects.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(WALLETS, {"entities": entities, "until": until})
        due = cursor.fetchall()
    # Another wallet is first each time, so that none waits for ever behind others.
    first = int(now.timestamp()) % max(len(due), 1)
    for organization, currency in [*due[first:], *due[:first]]:
        if time.monotonic() > stop_at:
            break
        try:
            issued += len(
                invoices.issue(
                    organization=Organization.objects.get(pk=organization),
                    currency=currency,
                    until=until,
                    actor=actor,
                    now=now,
                )
            )
        except (NothingToInvoice, InvoicedMeanwhile):
            continue
        except NoTaxRule:
            logger.warning("Organization %d has no tax rule for its invoice in %s", organization, currency)
    return issued

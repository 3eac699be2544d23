"""Wake-ups of the money side: each finds its own work in PostgreSQL and may run twice or not at all."""

import logging
import time
from typing import Any

from celery import shared_task
from django.db import connection, transaction

from billing import charges, heat, ledger
from billing.banking.tasks import book_bank_lines  # noqa: F401 - registers itself
from billing.closing import balances
from billing.compliance.tasks import freeze_more, screen_names  # noqa: F401 - register themselves
from billing.connect.tasks import send_connect_payouts  # noqa: F401 - registers itself
from billing.free_starts.tasks import forget_networks  # noqa: F401 - registers itself
from billing.fx.tasks import (  # noqa: F401 - they register themselves
    follow_positions,
    note_rates,
    revalue_positions,
)
from billing.rails.tasks import follow_chain, follow_payout_files  # noqa: F401 - register themselves
from billing.reconciliation.tasks import reconcile  # noqa: F401 - registers itself
from billing.self_billing.tasks import issue_self_bills  # noqa: F401 - registers itself
from billing.settlement.tasks import (  # noqa: F401 - they register themselves
    carry_out_settlements,
    draft_settlements,
)
from billing.statements.tasks import issue_invoices, post_invoice_taxes  # noqa: F401 - register themselves
from billing.stripe.tasks import (  # noqa: F401 - they register themselves
    handle_stripe_events,
    recharge_wallets,
    release_stripe,
    sweep_stripe,
)

SECONDS_MAX = 20

logger = logging.getLogger(__name__)


@shared_task(name="billing.tasks.post_charges")
def post_charges(**_: Any) -> None:
    """Post what is queued."""
    charges.post_charges(seconds_max=SECONDS_MAX)


@shared_task(name="billing.tasks.post_heat")
def post_heat(**_: Any) -> int:
    """Take what is due for heat from wallets that have enough by now; gives how much was posted."""
    return heat.post_due()


@shared_task(name="billing.tasks.sequence_entries")
def sequence_entries(**_: Any) -> None:
    """Number what was committed, and keep balances on the way."""
    stop_at = time.monotonic() + SECONDS_MAX
    while ledger.sequence_entries() > 0 and time.monotonic() < stop_at:
        pass
    balances.keep_checkpoints()


@shared_task(name="billing.tasks.ensure_partitions")
def ensure_partitions(**_: Any) -> None:
    """Keep two ranges ready ahead of every table that grows for ever; complain of rows that found none."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT parent, made, strays FROM ensure_partitions_v1()")
        for parent, made, strays in cursor.fetchall():
            if made:
                logger.info("Made %d partitions of %s", made, parent)
            if strays:
                logger.error("%d rows of %s are in its default partition", strays, parent)

"""What receipts say an output token takes, offer by offer."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

from core.money import TEST_CURRENCY
from marketplace import joules_findings
from marketplace.energy.receipts import Reading
from marketplace.models import Offer

WINDOW = timedelta(days=7)
# The newest ones say how a node is now, and more of them nothing more.
READINGS_MAX = 500
# Receipts that were compared and that nothing speaks against, with the tokens that we counted.
QUERY = """
SELECT r.joules, u.ours_out::numeric, (u.ours_in - u.ours_cached)::numeric, u.ours_cached::numeric,
       extract(epoch FROM r.ended_at - r.started_at)::numeric, r.tier
  FROM attempt a
  JOIN LATERAL (SELECT sum(ours_in) AS ours_in, sum(ours_cached) AS ours_cached, sum(ours_out) AS ours_out
                  FROM usage_record WHERE attempt_id = a.id HAVING count(*) > 0) u ON true
  JOIN receipt r ON r.attempt_uid = a.uid
  JOIN receipt_comparison c ON c.receipt_id = r.id
 WHERE a.offer_id = %s AND a.ended_at >= %s AND a.state = 'RECORDED'
   AND NOT EXISTS (SELECT 1 FROM meter_flag f WHERE f.attempt_id = a.id)
 ORDER BY a.id DESC LIMIT %s
"""


def measure_offers(*, now: datetime) -> int:
    """Look at the receipts of every live offer of the last days; gives how many findings were new."""
    start = now - WINDOW
    live = Offer.objects.filter(state=Offer.State.LIVE).exclude(currency=TEST_CURRENCY)
    found = 0
    for offer in live.select_related("model", "endpoint__node").order_by("id").iterator(chunk_size=500):
        endpoint = getattr(offer, "endpoint", None)
        if endpoint is None:
            continue
        made = joules_findings.record_finding(
            offer=offer,
            readings=_list_readings(offer, start),
            chip=endpoint.node.chip_slug,
            window_start=start,
            window_end=now,
        )
        found += made is not None
    return found


def _list_readings(offer: Offer, start: datetime) -> list[Reading]:
    with connection.cursor() as cursor:
        cursor.execute(QUERY, [offer.pk, start, READINGS_MAX])
        return [
            Reading(
                joules=joules,
                output_tokens=tokens_out,
                input_tokens=tokens_in,
                cached_tokens=cached,
                seconds=max(seconds, Decimal(0)),
                tier=tier,
            )
            for joules, tokens_out, tokens_in, cached, seconds, tier in cursor.fetchall()
        ]

"""What the clock brings about by itself."""

from stand_ins.stripe import checkout, movements, payouts, refunds
from stand_ins.stripe.store import Store


def run_due(store: Store) -> None:
    """Let everything happen whose moment has come."""
    for what, identity in store.take_alarms():
        match what:
            case "available":
                movements.make_available(store, identity)
            case "session_expires":
                checkout.expire(store, identity)
            case "refund_fails":
                refunds.fail_refund(store, identity)
            case "dispute":
                refunds.open_dispute(store, identity)
            case "payout_arrives":
                payouts.end_payout(store, identity, paid=True)

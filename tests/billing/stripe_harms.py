"""Harms to money that comes in through Stripe."""

from tests.billing.harm import NEW, Copy, Harm

UID = "gen_random_uuid()"
NO_ENTRY = {"entry_id": "NULL"}
AN_ENTRY = "(SELECT max(id) FROM entry)"


def event(**changes: str) -> Copy:
    """A copy of an event."""
    return Copy("stripe_event", {"id": NEW, "event_id": "'evt_2'"} | changes)


def terms(**changes: str) -> Copy:
    """A copy of the terms of US dollars, for a currency without terms."""
    return Copy("stripe_terms", {"currency": "'XPF'", "methods": "'{CARD}'"} | changes, "currency = 'USD'")


def top_up(of: str = "state = 'PAID'", **changes: str) -> Copy:
    """A copy of a payment, of another name everywhere."""
    fresh = {
        "id": NEW,
        "uid": UID,
        "request_key": "NULL",
        "session_id": "NULL",
        "charge_id": "NULL",
        "payment_intent_id": "'pi_2'",
        "entry_id": AN_ENTRY,
    }
    return Copy("stripe_top_up", fresh | changes, of)


def asked(**changes: str) -> Copy:
    """A copy of a payment that is open, of another wallet."""
    fresh = {"payment_intent_id": "NULL", "entry_id": "NULL", "currency": "'CNY'"}
    return top_up("state = 'OPEN'", **(fresh | changes))


def pay(entry: str) -> str:
    """Say of what is open that it was paid, by an entry."""
    return (
        "UPDATE stripe_top_up SET state = 'PAID', paid_at = now(), payment_intent_id = 'pi_3',"
        f" entry_id = {entry} WHERE state = 'OPEN'"
    )


def moved(**changes: str) -> Copy:
    """A copy of a movement."""
    fresh = {"id": "'txn_2'", "entry_id": AN_ENTRY, "available_entry_id": "NULL"}
    return Copy("stripe_balance_transaction", fresh | changes)


def refund(**changes: str) -> Copy:
    """A copy of a refund that failed."""
    fresh = {"id": NEW, "uid": UID, "refund_id": "'re_2'", "entry_id": "1", "back_entry_id": "2"}
    return Copy("stripe_refund", fresh | changes)


PERSON = "(SELECT uid FROM accounts_user LIMIT 1)"


def given(**changes: str) -> Copy:
    """A copy of what was given of test money, on another day."""
    return Copy("test_money_given", {"day": "day + 1"} | changes)


def start(**changes: str) -> Copy:
    """A copy of a free start, of an organization that had none."""
    other = (
        "(SELECT max(id) FROM accounts_organization WHERE id NOT IN (SELECT organization_id FROM free_start))"
    )
    fresh = {"id": NEW, "uid": UID, "organization_id": other}
    return Copy("free_start", fresh | changes, "origin = 'ASKED'")


def mark(of: str = "kind = 'PERSON'", **changes: str) -> Copy:
    """A copy of a free start's mark, of another name."""
    return Copy("free_start_mark", {"mark": "'another'"} | changes, of)


def card(**changes: str) -> Copy:
    """A copy of a card that was paid with."""
    return Copy("stripe_card", {"fingerprint": "'another'"} | changes)


def dispute(**changes: str) -> Copy:
    """A copy of a dispute that was lost."""
    return Copy("stripe_dispute", {"id": "'dp_2'", "freeze_entry_id": "1", "end_entry_id": "2"} | changes)


def recharge(**changes: str) -> Copy:
    """A copy of a rule, for another wallet."""
    return Copy("stripe_recharge", {"id": NEW, "uid": UID, "currency": "'CNY'"} | changes)


HARMS: dict[str, Harm] = {
    "stripe_event.stripe_event_pkey": event(id="id"),
    "stripe_event.stripe_event_event_id_key": event(event_id="event_id"),
    "stripe_event.stripe_event_is_sound": (
        event(state="'LOST'"),
        event(state="'NEW'"),
        event(handled_at="NULL"),
    ),
    "stripe_terms.stripe_terms_pkey": terms(currency="currency"),
    "stripe_terms.stripe_terms_currency_fkey": terms(currency="'ABC'"),
    "stripe_terms.stripe_terms_is_sound": (
        terms(currency="'XTS'"),
        terms(methods="'{CASH}'"),
        terms(methods="'{STABLECOIN}'"),
        terms(least="0"),
        terms(least="most + 1"),
        terms(most="day_most + 1"),
        terms(new_day_most="least - 1"),
        terms(new_day_most="day_most + 1"),
        terms(day_most="'NaN'"),
        terms(reserve_bps="-1"),
        terms(reserve_bps="elevated_reserve_bps + 1"),
        terms(elevated_reserve_bps="10001"),
        terms(reserve_days="-1"),
    ),
    "stripe_customer.stripe_customer_pkey": Copy("stripe_customer", {"customer_id": "'cus_2'"}),
    "stripe_customer.stripe_customer_customer_id_key": Copy("stripe_customer", {"organization_id": "2"}),
    "stripe_customer.stripe_customer_organization_id_fkey": Copy(
        "stripe_customer", {"organization_id": NEW, "customer_id": "'cus_2'"}
    ),
    "stripe_top_up.stripe_top_up_pkey": top_up(id="id"),
    "stripe_top_up.stripe_top_up_uid_key": top_up(uid="uid"),
    "stripe_top_up.stripe_top_up_session_id_key": top_up(session_id="session_id"),
    "stripe_top_up.stripe_top_up_payment_intent_id_key": top_up(payment_intent_id="payment_intent_id"),
    "stripe_top_up.stripe_top_up_charge_id_key": top_up(charge_id="charge_id"),
    "stripe_top_up.stripe_top_up_entry_id_key": top_up(entry_id="entry_id"),
    "stripe_top_up.stripe_top_up_organization_id_request_key_key": asked(request_key="request_key"),
    "stripe_top_up.stripe_top_up_organization_id_fkey": top_up(organization_id=NEW),
    "stripe_top_up.stripe_top_up_currency_fkey": top_up(currency="'CNH'"),
    "stripe_top_up.stripe_top_up_entry_id_fkey": top_up(entry_id=NEW),
    "stripe_top_up.stripe_top_up_release_entry_id_fkey": top_up(release_entry_id=NEW),
    "stripe_top_up.stripe_top_up_one_recharge": asked(currency="currency"),
    "stripe_top_up.stripe_top_up_is_sound": (
        top_up(origin="'ELSEWHERE'"),
        top_up(method="'CASH'"),
        asked(state="'LOST'"),
        asked(amount="0"),
        asked(amount="'NaN'"),
        top_up(reserved="amount + 1"),
        top_up(entry_id="NULL"),
        top_up(state="'EXPIRED'"),
        top_up(paid_at="NULL"),
        top_up(payment_intent_id="NULL"),
        asked(reserved="1"),
        top_up(reserved="0"),
    ),
    "stripe_top_up.stripe_top_up_history": (
        "UPDATE stripe_top_up SET paid_at = '2020-01-01' WHERE state = 'PAID'"
    ),
    "stripe_top_up.stripe_top_up_booked": pay(AN_ENTRY),
    "stripe_top_up.stripe_top_up_kept": "DELETE FROM stripe_top_up WHERE state = 'OPEN'",
    "stripe_balance_transaction.stripe_balance_transaction_pkey": moved(id="id"),
    "stripe_balance_transaction.stripe_balance_transaction_entry_id_key": moved(entry_id="entry_id"),
    "stripe_balance_transaction.stripe_balance_transaction_available_entry_id_key": moved(
        available_entry_id="available_entry_id"
    ),
    "stripe_balance_transaction.stripe_balance_transaction_currency_fkey": moved(currency="'ABC'"),
    "stripe_balance_transaction.stripe_balance_transaction_entry_id_fkey": moved(entry_id=NEW),
    "stripe_balance_transaction.stripe_balance_transaction_available_entry_id_fkey": moved(
        available_entry_id=NEW
    ),
    "stripe_balance_transaction.stripe_balance_transaction_is_sound": (
        moved(net="net + 1"),
        moved(amount="'NaN'", net="'NaN'"),
        moved(entry_id="NULL", available_entry_id="1"),
    ),
    "stripe_balance_transaction.stripe_mirror_kept": "UPDATE stripe_balance_transaction SET raw = '[]'",
    "stripe_refund.stripe_refund_pkey": refund(id="id"),
    "stripe_refund.stripe_refund_uid_key": refund(uid="uid"),
    "stripe_refund.stripe_refund_refund_id_key": refund(refund_id="refund_id"),
    "stripe_refund.stripe_refund_entry_id_key": refund(entry_id="entry_id"),
    "stripe_refund.stripe_refund_back_entry_id_key": refund(back_entry_id="back_entry_id"),
    "stripe_refund.stripe_refund_entry_id_fkey": refund(entry_id=NEW),
    "stripe_refund.stripe_refund_back_entry_id_fkey": refund(back_entry_id=NEW),
    "stripe_refund.stripe_refund_top_up_id_fkey": refund(top_up_id=NEW),
    "stripe_refund.stripe_refund_is_sound": (
        refund(amount="0"),
        refund(amount="'NaN'"),
        refund(state="'LOST'", back_entry_id="NULL"),
        refund(state="'SENT'"),
        refund(back_entry_id="NULL"),
        refund(state="'SENT'", back_entry_id="NULL", refund_id="NULL"),
    ),
    "stripe_refund.stripe_refund_uncovered": (
        refund(uncovered="-1"),
        refund(uncovered="amount + 1"),
        refund(uncovered="1", refund_id="NULL"),
    ),
    "test_money_given.test_money_given_pkey": given(day="day"),
    "test_money_given.test_money_given_bound": (
        given(holder="'somebody'"),
        given(amount="0"),
        given(amount="5000.01"),
        given(holder="'person:1'", amount="10000.01"),
    ),
    "stripe_card.stripe_card_pkey": card(fingerprint="fingerprint"),
    "stripe_card.stripe_card_organization_id_fkey": card(organization_id=NEW),
    "stripe_card.stripe_card_is_named": card(fingerprint="''"),
    "free_start.free_start_pkey": start(id="id"),
    "free_start.free_start_uid_key": start(uid="uid"),
    "free_start.free_start_organization_id_key": start(organization_id="organization_id"),
    "free_start.free_start_organization_id_fkey": start(organization_id=NEW),
    "free_start.free_start_is_sound": (
        start(origin="'FRIEND'"),
        start(origin="'OPERATOR'"),
        start(reason="'because'"),
        start(actor="''"),
    ),
    "free_start_mark.free_start_mark_pkey": mark(mark="mark"),
    "free_start_mark.free_start_mark_start_id_fkey": mark(start_id=NEW),
    "free_start_mark.free_start_mark_card": mark(
        "kind = 'CARD'", mark="mark", start_id="(SELECT id FROM free_start WHERE origin = 'OPERATOR')"
    ),
    "free_start_mark.free_start_mark_is_sound": (
        mark(kind="'FRIEND'"),
        mark(mark="''"),
        mark(kept_until="made_at"),
        mark("kind = 'NETWORK'", kept_until="NULL"),
        mark("kind = 'NETWORK'", kept_until="made_at - interval '1 second'"),
        mark("kind = 'NETWORK'", kept_until="made_at + interval '367 days'"),
    ),
    "stripe_dispute.stripe_dispute_pkey": dispute(id="id"),
    "stripe_dispute.stripe_dispute_top_up_id_fkey": dispute(top_up_id=NEW),
    "stripe_dispute.stripe_dispute_freeze_entry_id_key": dispute(freeze_entry_id="freeze_entry_id"),
    "stripe_dispute.stripe_dispute_end_entry_id_key": dispute(end_entry_id="end_entry_id"),
    "stripe_dispute.stripe_dispute_freeze_entry_id_fkey": dispute(freeze_entry_id=NEW),
    "stripe_dispute.stripe_dispute_end_entry_id_fkey": dispute(end_entry_id=NEW),
    "stripe_dispute.stripe_dispute_evidence_by_fkey": dispute(
        evidence="'It was used.'", evidence_at="now()", evidence_by="gen_random_uuid()"
    ),
    "stripe_dispute.stripe_dispute_evidence": (
        dispute(evidence="'It was used.'"),
        dispute(evidence_at="now()"),
        dispute(evidence="repeat('x', 20001)", evidence_at="now()", evidence_by=PERSON),
        dispute(evidence="'It was used.'", evidence_at="now()"),
        dispute(submissions="-1"),
    ),
    "stripe_dispute.stripe_dispute_is_sound": (
        dispute(amount="0", frozen="0", freeze_entry_id="NULL"),
        dispute(amount="'NaN'"),
        dispute(frozen="amount + 1"),
        dispute(freeze_entry_id="NULL"),
        dispute(state="'GONE'"),
        dispute(ended_at="NULL"),
        dispute(state="'OPEN'"),
        dispute(end_entry_id="NULL"),
        dispute(state="'WON'", end_entry_id="NULL"),
    ),
    "stripe_recharge.stripe_recharge_pkey": recharge(id="id"),
    "stripe_recharge.stripe_recharge_uid_key": recharge(uid="uid"),
    "stripe_recharge.stripe_recharge_organization_id_currency_key": recharge(currency="currency"),
    "stripe_recharge.stripe_recharge_organization_id_fkey": recharge(organization_id=NEW),
    "stripe_recharge.stripe_recharge_currency_fkey": recharge(currency="'CNH'"),
    "stripe_recharge.stripe_recharge_is_sound": (
        recharge(state="'LOST'"),
        recharge(threshold="-1"),
        recharge(amount="0"),
        recharge(amount="day_most + 1"),
        recharge(day_most="month_most + 1"),
        recharge(month_most="'NaN'"),
        recharge(payment_method_id="NULL"),
    ),
    "stripe_cursor.stripe_cursor_pkey": Copy("stripe_cursor", {}),
}

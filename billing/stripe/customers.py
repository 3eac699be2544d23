"""What organizations are called at Stripe: one customer each, made when a payment method is to be kept."""

from datetime import datetime, timedelta

import stripe

from accounts.models import Organization
from billing.models import StripeCustomer
from billing.stripe import client


def find(*, organization: Organization) -> str | None:
    """The organization's customer, if Stripe has told us of one."""
    return (
        StripeCustomer.objects.filter(organization=organization).values_list("customer_id", flat=True).first()
    )


def ensure(*, organization: Organization, asked: stripe.StripeClient, now: datetime) -> str:
    """
    The organization's customer; made if there is none.

    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer
    """
    StripeCustomer.objects.bulk_create(
        [StripeCustomer(organization=organization, asked_at=now)], ignore_conflicts=True
    )
    row = StripeCustomer.objects.get(organization=organization)
    if row.customer_id is not None:
        return row.customer_id
    made = _find_made(organization, row, asked, now) or _make(organization, asked)
    StripeCustomer.objects.filter(organization=organization, customer_id=None).update(customer_id=made)
    return made


def _make(organization: Organization, asked: stripe.StripeClient) -> str:
    uid = str(organization.uid)
    with client.asking():
        # The name may change between two tries; under one key both have to say the same.
        made = asked.v1.customers.create(
            {"metadata": {"jouleport": uid}}, {"idempotency_key": f"customer-{uid}"}
        )
    return made.id


def _find_made(
    organization: Organization, row: StripeCustomer, asked: stripe.StripeClient, now: datetime
) -> str | None:
    if now - row.asked_at <= client.REPEAT_FOR:
        return None
    since = client.write_time(row.asked_at - timedelta(minutes=5))
    found = client.find_made(
        lambda: asked.v1.customers.list({"created": {"gte": since}, "limit": 100}).auto_paging_iter(),
        uid=str(organization.uid),
    )
    return str(found["id"]) if found else None

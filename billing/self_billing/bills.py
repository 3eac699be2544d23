"""
Self-billed invoices: one for each payout that was paid, over what the provider sold and it paid for; what was
taken back since is in a credit note beside it.

A payout that comes back has its invoice undone: the next one that is paid has everything again.
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.audit import Actor
from billing.models import (
    BillingProfile,
    Currency,
    Invoice,
    Payout,
    SelfBillingAgreement,
    SellerProfile,
)
from billing.self_billing.agreements import ProfileMissing
from billing.statements import invoices, profiles, sources, taxes
from billing.statements.borne import choose
from billing.statements.invoices import InvoicedMeanwhile, Movement, NoSeller
from billing.statements.lines import make_lines
from billing.statements.shares import add
from billing.statements.taxes import NoTaxRule, TaxLine
from core import ids
from core.errors import DomainError
from core.quantities import round_half_even

SECONDS_MAX = 20
BATCH = 500
RETURNED = "The payout came back."
UNTAXED = TaxLine(
    label="No tax: the seller has no tax number",
    label_zh="不含税：销售方没有税号",
    note="",
    note_zh="",
    rate=Decimal(0),
    reverse_charge=False,
    amount=Decimal(0),
)
UNBILLED = replace(
    UNTAXED, label="No tax: the sale itself was not billed", label_zh="不含税：该销售本身未曾开票"
)
# One waits while an earlier payout of the account is on its way: each has what was sold up to its cutoff.
DUE = """
SELECT o.id FROM payout o JOIN self_billing_agreement a
    ON a.organization_id = o.organization_id AND a.agreed_at <= o.planned_at
   AND (a.ended_at IS NULL OR a.ended_at > o.planned_at)
 WHERE o.state = 'PAID'
   AND NOT EXISTS (SELECT 1 FROM invoice i WHERE i.payout_id = o.id AND i.corrects IS NULL
                      AND NOT EXISTS (SELECT 1 FROM invoice c WHERE c.corrects = i.id))
   AND NOT EXISTS (SELECT 1 FROM payout e WHERE e.account_id = o.account_id AND e.id < o.id
                      AND e.state IN ('PLANNED', 'SENT', 'IN_TRANSIT'))
   AND EXISTS (SELECT 1 FROM list_unbilled_v1(o.id))
 ORDER BY o.id LIMIT %s
"""

# In which invoices stand the charges that these entries take back: a refund or a claim names its charge in
# its key, entries of give-backs stand for many.
TAKEN_FROM = """
WITH taken AS MATERIALIZED (
    SELECT substring(coalesce(r.key, e.key) FROM '^(?:refund|claim):usage:([0-9]+)$')::bigint AS usage_id
      FROM entry e LEFT JOIN entry r ON r.id = e.reverses WHERE e.id = ANY(%(entries)s)
     UNION
    SELECT usage_id FROM give_back WHERE entry_id = ANY(%(entries)s)
)
SELECT DISTINCT i.number FROM taken JOIN charge_entry x USING (usage_id)
  JOIN invoice_entry v ON v.entry_id = x.entry_id AND v.account_id = %(account)s AND NOT v.cancelled
  JOIN invoice i ON i.id = v.invoice_id ORDER BY i.number
"""

logger = logging.getLogger(__name__)


class NothingToBill(DomainError):
    """Everything that the payout pays for is in an invoice, or nobody agreed, or it is not paid."""

    code = "nothing_to_bill"
    message = "There is nothing to bill for this payout: it is billed, not paid, or nobody agreed to it."


def list_due() -> list[Payout]:
    """Payouts that were paid and have no invoice yet, where the provider agreed to one."""
    with connection.cursor() as cursor:
        cursor.execute(DUE, [BATCH])
        numbers = [row[0] for row in cursor.fetchall()]
    return list(Payout.objects.filter(pk__in=numbers).select_related("organization").order_by("pk"))


def issue_due(*, actor: Actor, now: datetime, seconds_max: float = SECONDS_MAX) -> int:
    """
    Undo the invoices of payouts that came back, and issue those that are due; gives how many documents that
    were. What cannot be issued is told of in the log and left to operators.
    """
    issued, stop_at = 0, time.monotonic() + seconds_max
    back = Invoice.objects.filter(payout__state=Payout.State.RETURNED, kind=Invoice.Kind.INVOICE)
    for invoice in back.filter(corrected_by=None).select_related("organization")[:BATCH]:
        credit(invoice=invoice, reason=RETURNED, actor=actor, now=now)
        issued += 1
    for payout in list_due():
        if time.monotonic() > stop_at:
            break
        try:
            issued += len(issue(payout=payout, actor=actor, now=now))
        except InvoicedMeanwhile:
            continue
        except (NoTaxRule, NoSeller, ProfileMissing) as refusal:
            logger.warning("Payout %s has no self-billed invoice: %s", payout.uid, refusal.code)
    return issued


def issue(*, payout: Payout, actor: Actor, now: datetime) -> list[Invoice]:
    """
    Bill what a payout paid for, and credit what was taken back: at most one of each.

    :raises NothingToBill: if there is nothing, or nobody agreed
    :raises billing.self_billing.agreements.ProfileMissing: if the provider does not say who it is
    :raises billing.statements.invoices.NoSeller: if nobody said who the booking entity is
    :raises billing.statements.taxes.NoTaxRule: if there is no rule for provider and entity
    :raises billing.statements.invoices.InvoicedMeanwhile: if somebody else was faster
    """
    agreement = _find_agreement(payout)
    movements = _list_unbilled(payout)
    if agreement is None or not movements or payout.state != Payout.State.PAID:
        raise NothingToBill
    entity = profiles.find_seller(entity=payout.entity)
    if entity is None:
        raise NoSeller
    provider = BillingProfile.objects.filter(organization=payout.organization).first()
    if provider is None:
        raise ProfileMissing
    sold = [movement for movement in movements if movement.amount > 0]
    taken = [movement for movement in movements if movement.amount < 0]
    try:
        with transaction.atomic():
            return [
                _issue(payout, agreement, (provider, entity), kind, part, actor=actor, now=now)
                for kind, part in ((Invoice.Kind.INVOICE, sold), (Invoice.Kind.CREDIT_NOTE, taken))
                if part
            ]
    except DatabaseError as error:
        # Whoever came second is refused, because what is left is something else than the lines.
        if _list_unbilled(payout) != movements:
            raise InvoicedMeanwhile from error
        raise


def credit(*, invoice: Invoice, reason: str, actor: Actor, now: datetime) -> Invoice:
    """
    Undo an invoice by a credit note over all of it: what it spoke of may then be billed again.

    :raises billing.statements.invoices.NotCorrectable: if it is a credit note, or was corrected
    """
    reason = reason.strip()
    turned = invoices.turn_round(invoice, reason=reason)
    values = {
        "kind": Invoice.Kind.CREDIT_NOTE,
        "payout": invoice.payout_id,
        "corrects": invoice.pk,
        "reason": reason,
        "net": invoice.net.copy_negate(),
        "shown": invoice.net_shown.copy_negate(),
        "tax": invoice.tax.copy_negate(),
    }
    with transaction.atomic():
        return _write(values, turned, actor=actor, now=now)


def choose_taxes(
    *, provider: BillingProfile, entity: SellerProfile, net: Decimal, places: int, on: Any
) -> list[TaxLine]:
    """
    What a provider's sale to an entity bears; a provider without a tax number charges none.

    :raises NoTaxRule: if it has one, and there is no rule
    """
    if not provider.tax_id:
        return [UNTAXED]
    rules = taxes.choose_rules(
        taxes.list_rules(seller_country=provider.country, on=on),
        buyer_country=entity.entity.country,
        has_tax_id=bool(entity.tax_id),
    )
    return taxes.reckon(rules, net=net, places=places)


def _issue(
    payout: Payout,
    agreement: SelfBillingAgreement,
    parties: tuple[BillingProfile, SellerProfile],
    kind: Invoice.Kind,
    movements: Sequence[Movement],
    *,
    actor: Actor,
    now: datetime,
) -> Invoice:
    provider, entity = parties
    places = Currency.objects.get(pk=payout.currency).exponent
    sums: dict[str, Decimal] = {}
    for movement in movements:
        sums[movement.kind] = add([sums.get(movement.kind, Decimal(0)), movement.amount])
    entries = [movement.entry_id for movement in movements]
    work = sources.group_sales(payout.account_id, entries)
    lines = make_lines(sums=sums, work=work, places=places)
    net = add([line.exact for line in lines])
    shown = round_half_even(net, places)
    last_day = max(movement.day for movement in movements)
    if kind == Invoice.Kind.INVOICE:
        usual = choose_taxes(provider=provider, entity=entity, net=shown, places=places, on=last_day)
    else:
        # What was taken back bore what its sale did, and one that was in no bill bore nothing.
        usual = [UNBILLED]
    borne = choose(account_id=payout.account_id, entries=entries, net=net, usual=usual, places=places)
    values = {
        "kind": kind,
        "payout": payout.pk,
        "corrects": None,
        "reason": "",
        "net": net,
        "shown": shown,
        "tax": add([line.amount for line in borne]),
    }
    content = {
        "seller": {
            "name": provider.name,
            "address": provider.address,
            "country": provider.country,
            "tax_id": profiles.open_tax_id(provider),
            "organization": str(payout.organization.uid),
        },
        "buyer": invoices.describe_entity(entity),
        "language": provider.language,
        "places": places,
        "lines": [line.describe() for line in lines],
        "taxes": [line.describe() for line in borne],
        "self_billing": {
            "payout": str(payout.uid),
            "version": agreement.version,
            "agreed_on": agreement.agreed_at.date().isoformat(),
            "takes_from": _list_invoices(payout, entries) if kind == Invoice.Kind.CREDIT_NOTE else [],
        },
    }
    return _write(values, content, actor=actor, now=now)


def _find_agreement(payout: Payout) -> SelfBillingAgreement | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT agreement_id FROM self_billing_v1(%s)", [payout.pk])
        row = cursor.fetchone()
    return SelfBillingAgreement.objects.get(pk=row[0]) if row else None


def _list_unbilled(payout: Payout) -> list[Movement]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT entry_id, kind, booked_on, amount FROM list_unbilled_v1(%s)", [payout.pk])
        return [Movement(*row) for row in cursor.fetchall()]


def _list_invoices(payout: Payout, entries: Sequence[int]) -> list[str]:
    """The numbers of invoices that speak of the charges which entries take back."""
    with connection.cursor() as cursor:
        cursor.execute(TAKEN_FROM, {"entries": list(entries), "account": payout.account_id})
        return [row[0] for row in cursor.fetchall()]


def _write(values: dict[str, Any], content: dict[str, Any], *, actor: Actor, now: datetime) -> Invoice:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    values = values | {"uid": ids.make_uid(), "content": text, "now": now}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT issue_self_bill_v1(%(uid)s, %(kind)s, %(payout)s, %(corrects)s, %(reason)s, %(now)s,"
                " %(net)s, %(shown)s, %(tax)s, %(content)s)",
                values,
            )
            issued = Invoice.objects.select_related("organization").get(pk=cursor.fetchone()[0])
    except DatabaseError as error:
        raise invoices.translate(error) from error
    audit.record_event(
        actor=actor,
        action="self_bill.credit" if issued.corrects_id else "self_bill.issue",
        subject_kind="invoice",
        subject_uid=issued.uid,
        organization=issued.organization,
        now=now,
        details={"number": issued.number, "net": f"{issued.net:f}", "currency": issued.currency},
    )
    invoices.post_due_taxes(only=issued.pk)
    return issued

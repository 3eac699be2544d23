"""
Invoices and credit notes: what a wallet was charged, and what it got back, each entry in one of them.

They are issued over everything that was booked before a day and is in none yet, so a charge that comes late
is in the next one. What is wrong with an invoice is put right by a credit note over all of it and another
invoice.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import ledger, wallets
from billing.models import Currency, Invoice, InvoiceTax, LedgerAccount, SellerProfile
from billing.statements import borne as taxes_borne
from billing.statements import profiles, sources, taxes
from billing.statements.lines import make_lines
from billing.statements.periods import PeriodInvalid
from billing.statements.shares import add
from core import ids
from core.errors import DomainError
from core.money import TEST_CURRENCY
from core.quantities import round_half_even

BATCH = 500


class NothingToInvoice(DomainError):
    """Everything that was booked is in an invoice, or nothing was."""

    code = "nothing_to_invoice"
    message = "There is nothing before this day that is not in an invoice yet."


class NoSeller(DomainError):
    """The booking entity has no name and address to put on invoices."""

    code = "no_seller_profile"
    message = "Say first what invoices of this booking entity have as name and address."


class NotCorrectable(DomainError):
    """A credit note, or an invoice that one corrects already."""

    code = "not_correctable"
    message = "An invoice is corrected once, by a credit note over all of it; a credit note is not."


class InvoicedMeanwhile(DomainError):
    """Somebody else was invoicing the same."""

    code = "invoiced_meanwhile"
    message = "Some of it was put into another invoice meanwhile; look again."


@dataclass(frozen=True, slots=True)
class Movement:
    """An entry in no invoice yet; `amount` is what the wallet lost, negative where it got something."""

    entry_id: int
    kind: str
    day: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class _Seller:
    profile: SellerProfile
    account: LedgerAccount
    organization: Organization
    places: int


def issue(
    *, organization: Organization, currency: str, until: date, actor: Actor, now: datetime
) -> list[Invoice]:
    """
    Invoice what a wallet was charged before a day, and note what it got back: at most one of each.

    :raises PeriodInvalid: if the day is not over yet
    :raises billing.wallets.NoWallet: if there is no such wallet
    :raises NothingToInvoice: if there is nothing, or it is test money
    :raises NoSeller: if nobody said what invoices of the booking entity say of it
    :raises billing.statements.taxes.NoTaxRule: if there is no rule for seller and buyer
    :raises InvoicedMeanwhile: if somebody else was faster
    """
    if until > now.date():
        raise PeriodInvalid("Only days that are over are invoiced.", field="until")
    wallet = wallets.find_wallet(organization_id=organization.pk, currency=currency)
    if currency == TEST_CURRENCY:
        raise NothingToInvoice
    account = LedgerAccount.objects.get(pk=wallet.account_id)
    movements = list_uninvoiced(account_id=account.pk, until=until)
    if not movements:
        raise NothingToInvoice
    seller = _find_seller(account, organization)
    charged = [movement for movement in movements if movement.amount > 0]
    given = [movement for movement in movements if movement.amount < 0]
    with transaction.atomic():
        return [
            _issue(seller, kind, part, until, actor=actor, now=now)
            for kind, part in ((Invoice.Kind.INVOICE, charged), (Invoice.Kind.CREDIT_NOTE, given))
            if part
        ]


def credit(*, invoice: Invoice, reason: str, actor: Actor, now: datetime) -> Invoice:
    """
    Correct an invoice by a credit note over all of it: its entries may then be invoiced again.

    Nothing moves but the tax, which goes back as far as it was taken: the charges stand.

    :raises NotCorrectable: if it is a credit note, or was corrected
    """
    reason = reason.strip()
    turned = turn_round(invoice, reason=reason)
    values = {
        "kind": Invoice.Kind.CREDIT_NOTE,
        "account": invoice.account_id,
        "corrects": invoice.pk,
        "reason": reason,
        "since": invoice.since,
        "until": invoice.until,
        "entries": [],
        "net": invoice.net.copy_negate(),
        "shown": invoice.net_shown.copy_negate(),
        "tax": invoice.tax.copy_negate(),
    }
    with transaction.atomic():
        return _write(values, turned, invoice.organization, actor=actor, now=now)


def turn_round(invoice: Invoice, *, reason: str) -> dict[str, Any]:
    """
    What a credit note over all of an invoice says.

    :raises NotCorrectable: if it is a credit note itself, or there is no reason
    """
    if invoice.kind != Invoice.Kind.INVOICE or not reason:
        raise NotCorrectable
    facts = invoice.facts
    return facts | {
        "lines": [_negate(line, "exact", "shown") for line in facts["lines"]],
        "taxes": [_negate(line, "amount") for line in facts["taxes"]],
        "corrects": invoice.number,
        "reason": reason,
    }


def list_uninvoiced(*, account_id: int, until: date) -> list[Movement]:
    """What of a wallet's account was booked before a day and is in no invoice that stands."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT entry_id, kind, booked_on, amount FROM list_uninvoiced_v1(%s, %s)", [account_id, until]
        )
        return [Movement(*row) for row in cursor.fetchall()]


def post_due_taxes(*, only: int | None = None) -> int:
    """Take taxes that are due from wallets that have enough by now; gives how many were taken."""
    due = InvoiceTax.objects.filter(entry=None, void=False)
    if only is not None:
        due = due.filter(pk=only)
    return sum(_post_tax(number) for number in due.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _find_seller(account: LedgerAccount, organization: Organization) -> _Seller:
    profile = profiles.find_seller(entity=account.entity)
    if profile is None:
        raise NoSeller
    places = Currency.objects.get(pk=account.currency).exponent
    return _Seller(profile, account, organization, places)


def _issue(
    seller: _Seller,
    kind: Invoice.Kind,
    movements: Sequence[Movement],
    until: date,
    *,
    actor: Actor,
    now: datetime,
) -> Invoice:
    entries = [movement.entry_id for movement in movements]
    sums: dict[str, Decimal] = {}
    for movement in movements:
        sums[movement.kind] = add([sums.get(movement.kind, Decimal(0)), movement.amount])
    work = sources.group_work(seller.account.pk, entries)
    lines = make_lines(sums=sums, work=work, places=seller.places)
    net = add([line.exact for line in lines])
    shown = round_half_even(net, seller.places)
    buyer = profiles.find_profile(organization=seller.organization)
    last_day = max(movement.day for movement in movements)
    rules = taxes.choose_rules(
        taxes.list_rules(seller_country=seller.profile.entity.country, on=last_day),
        buyer_country=buyer.country,
        has_tax_id=bool(buyer.tax_id),
    )
    borne = taxes_borne.choose(
        account_id=seller.account.pk,
        entries=entries,
        net=net,
        usual=taxes.reckon(rules, net=shown, places=seller.places),
        places=seller.places,
    )
    since = min(movement.day for movement in movements).replace(day=1)
    values = {
        "kind": kind,
        "account": seller.account.pk,
        "corrects": None,
        "reason": "",
        "since": since,
        "until": until,
        "entries": entries,
        "net": net,
        "shown": shown,
        "tax": add([line.amount for line in borne]),
    }
    content = {
        "seller": describe_entity(seller.profile),
        "buyer": {
            "name": buyer.name,
            "address": buyer.address,
            "country": buyer.country,
            "tax_id": profiles.open_tax_id(buyer),
            "organization": str(seller.organization.uid),
        },
        "language": buyer.language,
        "places": seller.places,
        "lines": [line.describe() for line in lines],
        "taxes": [line.describe() for line in borne],
    }
    return _write(values, content, seller.organization, actor=actor, now=now)


def _write(
    values: dict[str, Any],
    content: dict[str, Any],
    organization: Organization,
    *,
    actor: Actor,
    now: datetime,
) -> Invoice:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    values = values | {"uid": ids.make_uid(), "content": text, "now": now}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT issue_invoice_v1(%(uid)s, %(kind)s, %(account)s, %(corrects)s, %(reason)s, %(since)s,"
                " %(until)s, %(now)s, %(entries)s::bigint[], %(net)s, %(shown)s, %(tax)s, %(content)s)",
                values,
            )
            issued = Invoice.objects.select_related("organization").get(pk=cursor.fetchone()[0])
    except DatabaseError as error:
        raise translate(error) from error
    audit.record_event(
        actor=actor,
        action="invoice.credit" if issued.corrects_id else "invoice.issue",
        subject_kind="invoice",
        subject_uid=issued.uid,
        organization=organization,
        now=now,
        details={"number": issued.number, "net": f"{issued.net:f}", "currency": issued.currency},
    )
    post_due_taxes(only=issued.pk)
    return issued


def translate(error: DatabaseError) -> Exception:
    """What the database's refusal of an invoice says."""
    cause: Any = error.__cause__
    name = cause.diag.constraint_name if cause is not None and hasattr(cause, "diag") else ""
    if name == "invoice_entry_once":
        return InvoicedMeanwhile()
    if name == "invoice_corrects_key":
        return NotCorrectable()
    return error


def _post_tax(number: int) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT post_invoice_tax_v1(%s)", [number])
            return cast(tuple[int | None], cursor.fetchone())[0] is not None
    except DatabaseError as error:
        problem = ledger.translate(error)
        if isinstance(problem, ledger.InsufficientFunds):
            # It stays due until there is enough.
            return False
        raise problem from error


def describe_entity(profile: SellerProfile) -> dict[str, str]:
    """What invoices keep of a booking entity."""
    return {
        "name": profile.name,
        "address": profile.address,
        "country": profile.entity.country,
        "tax_id": profile.tax_id,
    }


def _negate(line: dict[str, Any], *names: str) -> dict[str, Any]:
    return line | {name: f"{Decimal(line[name]).copy_negate():f}" for name in names}

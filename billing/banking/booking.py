"""Booking lines of bank statements: each once, in its own transaction, in suspense if nobody can tell."""

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts import audit
from billing import ledger, wallets
from billing.banking import references
from billing.banking.matching import Decision, Facts, Known, Reason, Target, decide
from billing.models import BankLine, Entry, Payout, Scope
from billing.rails.protocol import find_payout_uid
from billing.settlement import payouts
from core.errors import DomainError
from core.money import Money

State = BankLine.State
ACTOR = "system:bank"
BACK_PREFIX = "BACK"
LINES = BankLine.objects.select_related("account")


class CannotBook(DomainError):
    """A line cannot be booked as what it seems to be; `message` is a `Reason`."""

    code = "cannot_book"

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


def book_new_lines(*, now: datetime, statement_id: int | None = None, limit: int = 500) -> int:
    """Act on lines that nobody has acted on, oldest statements first; answers how many."""
    waiting = BankLine.objects.filter(state=State.NEW)
    if statement_id is not None:
        waiting = waiting.filter(statement=statement_id)
    # What left a day comes before what came back that day.
    ordered = sorted(
        waiting.order_by("id").values_list("statement_id", "amount", "id")[:limit],
        key=lambda row: (row[0], row[1] > 0, row[2]),
    )
    for _, _, line_id in ordered:
        book_line(line_id=line_id, now=now)
    return len(ordered)


def book_line(*, line_id: int, now: datetime) -> BankLine:
    """Act on one line; one that was acted on is left as it is."""
    with transaction.atomic():
        line = lock_line(line_id)
        if line.state != State.NEW:
            return line
        decision = _decide(line)
        try:
            with transaction.atomic():
                if decision.target == Target.BACK:
                    pair(line, lock_line(find_id(decision)), now=now)
                else:
                    book(line, decision, now=now)
        except (CannotBook, ledger.AccountClosed) as refusal:
            line.refresh_from_db()
            reason = refusal.reason if isinstance(refusal, CannotBook) else Reason.ACCOUNT_CLOSED
            book(line, Decision(Target.SUSPENSE, reason=reason), now=now)
    return line


def book(line: BankLine, decision: Decision, *, now: datetime) -> None:
    """
    Book a line that the caller has locked as what was decided, and note it there.

    :raises CannotBook: if it was booked already, or the payout is not where it has to be
    :raises billing.ledger.InsufficientFunds: if it takes from a wallet what that has not
    :raises billing.ledger.AccountClosed: if an account is closed
    """
    match decision.target:
        case Target.WALLET:
            line.entry_id = _book_wallet(line, decision)
            line.state = State.WALLET
        case Target.PAYOUT | Target.RETURN:
            line.entry_id = _book_payout(line, decision, now=now)
            line.state = State.PAYOUT if decision.target == Target.PAYOUT else State.RETURN
        case Target.FEE:
            line.entry_id, line.state = _post_fee(line), State.FEE
        case _:
            line.suspense_entry_id = _post_suspense(line)
            line.reason, line.state = decision.reason, State.SUSPENSE
    save_line(line, now=now)


def pair(line: BankLine, back: BankLine, *, now: datetime) -> None:
    """
    Note that with `line` the money of `back` went back to its sender; in suspense the two cancel out.

    :raises CannotBook: if they do not
    """
    if back.state != State.RETURNING or back.amount != line.amount.copy_negate():
        raise CannotBook(Reason.UNKNOWN_PAYMENT)
    if line.suspense_entry_id is None:
        line.suspense_entry_id = _post_suspense(line)
        line.reason = Target.BACK
    for one, other in ((line, back), (back, line)):
        one.state, one.counterpart_id = State.SENT_BACK, other.pk
        save_line(one, now=now)


def lock_line(line_id: int) -> BankLine:
    """A line that nobody else acts on before the end of the transaction."""
    return LINES.select_for_update(no_key=True, of=("self",)).get(pk=line_id)


def name_return(line: BankLine) -> str:
    """What the payment that sends a line's money back has to be called: its end-to-end id, 35 characters."""
    return f"{BACK_PREFIX}{line.uid.hex[-31:]}".upper()


def _decide(line: BankLine) -> Decision:
    account, ids = line.account, references.find_wallet_ids(line.remittance)
    uid = find_payout_uid(line.end_to_end_id)
    payout = Payout.objects.filter(uid=uid).first() if uid is not None else None
    return decide(
        Facts(
            amount=line.amount,
            currency=account.currency,
            entity=account.entity,
            is_reversal=line.is_reversal,
            code=line.code,
            bank_code=line.bank_code,
            fee_codes=frozenset(account.fee_codes),
            wallet_ids=tuple(ids),
            trouble=line.trouble,
        ),
        wallets=_find_wallets(ids),
        payout=Known(payout.pk, payout.currency, payout.entity, payout.amount) if payout else None,
        back=_find_back(line),
    )


def _find_wallets(ids: list[int]) -> dict[int, Known]:
    rows = Scope.objects.filter(kind=Scope.Kind.WALLET, pk__in=ids).values_list(
        "pk", "currency", "account__entity"
    )
    return {pk: Known(pk, currency, entity) for pk, currency, entity in rows}


def _find_back(line: BankLine) -> Known | None:
    if not line.end_to_end_id.startswith(BACK_PREFIX):
        return None
    for back in LINES.filter(state=State.RETURNING, account=line.account):
        if name_return(back) == line.end_to_end_id:
            return Known(back.pk, back.account.currency, back.account.entity, back.amount)
    return None


def find_id(decision: Decision) -> int:
    """The wallet's, payout's or line's id of a decision for one."""
    assert decision.id is not None  # noqa: S101 - who decided for it named it
    return decision.id


def _book_wallet(line: BankLine, decision: Decision) -> int:
    wallet = Scope.objects.get(pk=find_id(decision))
    line.organization_id = wallet.organization_id
    if line.amount < 0:
        legs = _list_legs(line, "WALLET", wallet.organization_id)
        taken = ledger.post(key=f"topup_back:{line.uid}", kind="TOPUP_BACK", lines=legs, **_describe(line))
        return taken.entry_id
    try:
        posted = wallets.top_up(
            organization_id=wallet.organization_id,
            amount=Money(line.amount, line.account.currency),
            bank_reference=line.reference,
            actor=ACTOR,
            happened_at=_find_moment(line),
            entity=line.account.entity,
        )
    except ledger.KeyReused as error:
        raise CannotBook(Reason.REFERENCE_USED) from error
    # An operator may have booked this transfer by hand before the statement came.
    if not posted.is_new and BankLine.objects.filter(entry=posted.entry_id).exclude(pk=line.pk).exists():
        raise CannotBook(Reason.REFERENCE_USED)
    if not posted.is_new and Entry.objects.filter(reverses=posted.entry_id).exists():
        raise CannotBook(Reason.BOOKED_AND_REVERSED)
    return posted.entry_id


def _book_payout(line: BankLine, decision: Decision, *, now: datetime) -> int:
    payout = Payout.objects.get(pk=find_id(decision))
    line.payout_id, moment = payout.pk, _find_moment(line)
    try:
        if decision.target == Target.PAYOUT:
            name = payout.external_id or line.end_to_end_id or line.reference
            after = payouts.mark_paid(
                payout_uid=payout.uid, external_id=name, happened_at=moment, actor=audit.SYSTEM, now=now
            )
        elif payout.paid_at is None:
            raise CannotBook(Reason.PAYOUT_NOT_PAID)
        else:
            reason = line.remittance.replace("\n", " ")[:200] or "The bank returned it."
            after = payouts.mark_returned(
                payout_uid=payout.uid, reason=reason, happened_at=moment, actor=audit.SYSTEM, now=now
            )
    except payouts.GivenBack as error:
        raise CannotBook(Reason.PAYOUT_GIVEN_BACK) from error
    if after.paid_at is None:
        raise CannotBook(Reason.PAYOUT_GIVEN_BACK)
    if after.clearing != "CLEARING_BANK":
        raise CannotBook(Reason.OTHER_RAIL)
    step = "paid" if decision.target == Target.PAYOUT else "returned"
    entry = Entry.objects.get(key=f"payout_{step}:{payout.uid}")
    if BankLine.objects.filter(entry=entry).exclude(pk=line.pk).exists():
        raise CannotBook(Reason.PAYOUT_USED)
    return int(entry.pk)


def _post_fee(line: BankLine) -> int:
    posted = ledger.post(
        key=f"bank_fee:{line.uid}", kind="BANK_FEE", lines=_list_legs(line, "BANK_FEE"), **_describe(line)
    )
    return posted.entry_id


def _post_suspense(line: BankLine) -> int:
    posted = ledger.post(
        key=f"suspense:{line.uid}", kind="SUSPENSE", lines=_list_legs(line, "SUSPENSE"), **_describe(line)
    )
    return posted.entry_id


def _list_legs(line: BankLine, purpose: str, organization_id: int | None = None) -> dict[int, Decimal]:
    """The line between the bank and another account."""
    currency, entity, amount = line.account.currency, line.account.entity, line.amount
    bank = ledger.open_account(purpose="CLEARING_BANK", currency=currency, entity=entity)
    other = ledger.open_account(
        purpose=purpose, currency=currency, organization_id=organization_id, entity=entity
    )
    return {bank: amount, other: amount.copy_negate()}


def _describe(line: BankLine) -> dict[str, Any]:
    return {"actor": ACTOR, "happened_at": _find_moment(line), "reason": line.reference}


def _find_moment(line: BankLine) -> datetime:
    return datetime.combine(line.booked_on, time(), UTC)


def save_line(line: BankLine, *, now: datetime) -> None:
    """Note what was done with a line that the caller has locked."""
    line.acted_at = now
    line.save(
        update_fields=[
            *("state", "reason", "suspense_entry", "entry", "organization", "payout"),
            *("counterpart", "approval", "acted_at"),
        ]
    )

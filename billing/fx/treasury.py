"""What the treasury does at banks: trades that close positions, and swap lines; and what exchanges cost."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.audit import Actor
from billing import currencies, ledger
from billing.fx.rates import name_actor
from billing.fx.refusals import translate
from billing.ledger import Posted
from billing.models import FxSpread, SwapLine
from billing.wallets import BANK_REFERENCE
from core import ids
from core.errors import Invalid
from core.money import Money
from core.quantities import format_plain

SPREAD_BPS_MAX = 5000


class InvalidTrade(Invalid):
    """No trade that a bank could have made."""

    code = "invalid_trade"


class InvalidSpread(Invalid):
    """No spread between two currencies."""

    code = "invalid_spread"


@dataclass(frozen=True, slots=True)
class Trade:
    """What was sold at a bank and what was bought for it, under the bank's reference."""

    sold: Money
    bought: Money
    reference: str


def book_trade(*, trade: Trade, actor: Actor, happened_at: datetime, now: datetime) -> Posted:
    """
    Book what a bank exchanged for us, once for each reference; it closes positions, or opens them.

    :raises InvalidTrade: if it is not an amount of each of two currencies, or has no reference
    :raises billing.ledger.KeyReused: if the reference was booked with other amounts
    """
    if trade.sold.currency == trade.bought.currency or min(trade.sold.amount, trade.bought.amount) <= 0:
        raise InvalidTrade("A trade is an amount of one currency for an amount of another.")
    _check_reference(trade.reference)
    lines: dict[int, Decimal] = {}
    for amount in (-trade.sold, trade.bought):
        lines[ledger.open_account(purpose="CLEARING_BANK", currency=amount.currency)] = amount.amount
        lines[ledger.open_account(purpose="FX_POSITION", currency=amount.currency)] = (-amount).amount
    with transaction.atomic():
        posted = ledger.post(
            key=f"fx_trade:{trade.reference}",
            kind="FX_TRADE",
            actor=name_actor(actor),
            lines=lines,
            happened_at=happened_at,
            reason=trade.reference,
        )
        if posted.is_new:
            details = {"sold": str(trade.sold), "bought": str(trade.bought), "reference": trade.reference}
            _record("fx.trade", details | {"posted": posted.entry_id}, actor, now)
    return posted


def set_spread(*, base: str, quote: str, spread_bps: int | None, actor: Actor, now: datetime) -> None:
    """
    Ask this much beyond the middle rate of a pair (ten-thousandths); None goes back to the usual.

    :raises billing.currencies.CurrencyUnknown: if there is no such currency
    :raises InvalidSpread: if it is one currency, or the spread is not between nothing and a half
    """
    for code in (base, quote):
        currencies.find(currency=code)
    if base == quote or (spread_bps is not None and not 0 <= spread_bps <= SPREAD_BPS_MAX):
        raise InvalidSpread(f"Two currencies, and 0 to {SPREAD_BPS_MAX} ten-thousandths.", field="spread_bps")
    with transaction.atomic():
        rows = FxSpread.objects.filter(base=base, quote=quote)
        if spread_bps is None:
            rows.delete()
        elif not rows.update(spread_bps=spread_bps):
            FxSpread.objects.create(base=base, quote=quote, spread_bps=spread_bps)
        _record("fx.spread", {"base": base, "quote": quote, "spread_bps": spread_bps}, actor, now)


def open_line(*, counterparty: str, ceiling: Money, actor: Actor, now: datetime) -> SwapLine:
    """
    Note that a bank lends up to an amount of a currency.

    :raises InvalidTrade: if it is no amount, or nobody's
    """
    if not counterparty.strip() or ceiling.amount <= 0:
        raise InvalidTrade("A line has a counterparty and more than nothing.")
    values: list[Any] = [ids.make_uid(), counterparty.strip(), ceiling.currency, ceiling.amount, now]
    currencies.find(currency=ceiling.currency)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT open_swap_line_v1(%s, %s, %s, %s, %s)", values)
        line = SwapLine.objects.get(pk=cursor.fetchone()[0])
        _record("swap_line.open", {"counterparty": line.counterparty, "ceiling": str(ceiling)}, actor, now)
    return line


def change_line(*, line: SwapLine, ceiling: Decimal | None, actor: Actor, now: datetime) -> SwapLine:
    """
    Give a line another limit; None closes it.

    :raises billing.fx.refusals.LineExceeded: if more is drawn than that
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT change_swap_line_v1(%s, %s, %s)", [line.pk, ceiling, now])
            _record(
                "swap_line.change",
                {"line": str(line.uid), "ceiling": ceiling and format_plain(ceiling)},
                actor,
                now,
            )
    except DatabaseError as error:
        raise translate(error) from error
    return SwapLine.objects.get(pk=line.pk)


def move_line(
    *, line: SwapLine, amount: Decimal, reference: str, actor: Actor, happened_at: datetime, now: datetime
) -> Posted:
    """
    Draw from a line (more than nothing) or pay back (less), once for each of the bank's references.

    :raises InvalidTrade: if it is nothing, or has no reference
    :raises billing.fx.refusals.LineExceeded: if the line does not give, or was not drawn by, so much
    :raises billing.ledger.KeyReused: if the reference was booked with another amount
    """
    if not amount:
        raise InvalidTrade("Draw something, or pay something back.", field="amount")
    _check_reference(reference)
    values: list[Any] = [line.pk, amount, reference, name_actor(actor), happened_at]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT entry_id, is_new FROM move_swap_v1(%s, %s, %s, %s, %s)", values)
            posted = Posted(*cursor.fetchone())
            if posted.is_new:
                details = {"line": str(line.uid), "amount": format_plain(amount), "reference": reference}
                _record("swap_line.move", details | {"posted": posted.entry_id}, actor, now)
    except DatabaseError as error:
        raise translate(error) from error
    return posted


def _check_reference(reference: str) -> None:
    if not BANK_REFERENCE.fullmatch(reference):
        raise InvalidTrade("A bank reference has 1 to 140 printable characters.", field="reference")


def _record(action: str, details: dict[str, Any], actor: Actor, now: datetime) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="treasury",
        subject_uid=None,
        organization=None,
        now=now,
        details=details,
    )

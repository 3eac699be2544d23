"""
Readings of heat meters: entered by the provider, confirmed or objected to by the buyer, charged once.

A counter never falls and nothing is overwritten: whoever has read wrongly corrects the last reading by
another with a reason. What was charged for the wrong one is then settled by the difference.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import DataError, transaction
from django.db.models import F, QuerySet

from accounts import access, audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import heat as bills
from billing.models import HeatCharge
from core import ids
from core.errors import DomainError
from core.quantities import format_plain
from marketplace.lots import heat_prices
from marketplace.lots.heat import HeatInvalid, lock_contract
from marketplace.lots.heat_prices import NOTHING, Cost
from marketplace.models import HeatContract, HeatReading

STATE = HeatReading.State
WAITING = (STATE.ENTERED, STATE.OBJECTED)
DUE_AT_ONCE = 100


class ContractEnded(DomainError):
    """No readings after the end."""

    code = "contract_ended"
    message = "This contract has ended."


class ReadingObjected(DomainError):
    """The buyer waits for an answer."""

    code = "reading_objected"
    message = "The buyer objects to the last reading: correct it first."


class ReadingSettled(DomainError):
    """A reading that is charged or corrected, or is not what was shown."""

    code = "reading_settled"
    message = "This reading is settled, or is not the one that you saw."


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """
    What the meter shows: `total_kwh` in all, at `read_at`; `outside_c`, the mean temperature outside since
    the reading before, where the price follows it.
    """

    read_at: datetime
    total_kwh: Decimal
    outside_c: Decimal | None = None
    reason: str = ""


def enter(
    *, contract: HeatContract, shown: Shown, corrects: bool = False, actor: Actor, now: datetime
) -> HeatReading:
    """
    Enter what the meter shows; a repeat of the last reading answers that one.

    :param corrects: it replaces the last reading, for a `reason`
    :raises HeatInvalid: if the counter falls, time runs backwards, or a reason is missing
    :raises marketplace.lots.heat_prices.PricesInvalid: if the price needs a temperature
    :raises ReadingObjected: if the last reading must be corrected first
    :raises ContractEnded: if it has ended
    """
    try:
        with transaction.atomic():
            held = lock_contract(contract)
            last = held.readings.order_by("-number").first()
            if last is not None and _is_repeat(last, shown, corrects):
                return last
            if held.ended_at is not None and shown.read_at > held.ended_at:
                raise ContractEnded
            _check(held, last, shown, corrects, now)
            made = _write(held, last, shown, corrects, actor, now)
            _record(made, "enter", held.provider, actor, now)
    except DataError as error:
        raise HeatInvalid("A figure is out of range.") from error
    return made


def confirm(*, reading: HeatReading, digest: str, actor: Actor, now: datetime) -> HeatReading:
    """
    Agree to a reading, whose digest is that of what was shown: it is due at once. A repeat changes nothing.

    :raises ReadingSettled: if it was corrected, or is another than was shown
    """
    with transaction.atomic():
        held = lock_contract(reading.contract)
        fresh = _find(reading)
        if fresh.digest != digest or fresh.state == STATE.REPLACED:
            raise ReadingSettled
        if fresh.state != STATE.CHARGED:
            _charge(held, fresh, _name(actor), now)
            _record(fresh, "confirm", held.buyer, actor, now)
    return fresh


def object_to(*, reading: HeatReading, objection: str, actor: Actor, now: datetime) -> HeatReading:
    """
    Object to the last reading: it is not charged, and the provider must correct it. A repeat changes nothing.

    :raises ReadingSettled: if it is charged, corrected, or not the last
    """
    with transaction.atomic():
        held = lock_contract(reading.contract)
        fresh = _find(reading)
        last = held.readings.order_by("-number").first()
        if fresh.state not in WAITING or fresh != last:
            raise ReadingSettled
        if fresh.state == STATE.ENTERED:
            _answer(fresh, STATE.OBJECTED, _name(actor), now, objection)
            _record(fresh, "object", held.buyer, actor, now)
    return fresh


def charge_silent(*, now: datetime) -> int:
    """Charge readings to which nobody objected in time; gives how many."""
    rows = HeatReading.objects.filter(
        state=STATE.ENTERED, entered_at__lte=now - F("contract__objection_days") * timedelta(days=1)
    )
    done = 0
    for reading in rows.select_related("contract").order_by("id")[:DUE_AT_ONCE]:
        with transaction.atomic():
            held, fresh = lock_contract(reading.contract), _find(reading)
            if fresh.state != STATE.ENTERED:
                continue
            _charge(held, fresh, "system:heat", now)
            _record(fresh, "charge", held.buyer, audit.SYSTEM, now)
            done += 1
    return done


def list_readings(*, contract: HeatContract) -> QuerySet[HeatReading]:
    """Readings of a contract."""
    return HeatReading.objects.filter(contract=contract).select_related("contract", "corrects")


def find_reading(*, buyer: Organization, uid: object) -> HeatReading:
    """
    A reading of a contract that the organization buys by.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    rows = HeatReading.objects.filter(contract__buyer=buyer).select_related("contract", "corrects")
    return access.get_or_refuse(rows, uid=uid)


def find_provided(*, provider: Organization, uid: object) -> HeatContract:
    """
    A contract that the organization provides by.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    return access.get_or_refuse(HeatContract.objects.filter(provider=provider), uid=uid)


def find_payment(*, reading: HeatReading) -> str:
    """PAID, DUE while the wallet has not enough, or NONE where nothing is to be paid (yet)."""
    if reading.state != STATE.CHARGED or not reading.amount:
        return "NONE"
    waits = HeatCharge.objects.filter(key=name_charge(reading), entry=None).exists()
    return "DUE" if waits else "PAID"


def name_charge(reading: HeatReading) -> str:
    """The key of a reading's charge, and of its entry in the ledger."""
    return f"heat:{reading.contract.uid}:{reading.number}"


def _is_repeat(last: HeatReading, shown: Shown, corrects: bool) -> bool:
    said = (last.read_at, last.total_kwh, last.outside_c, last.reason, last.corrects_id is not None)
    return said == (shown.read_at, shown.total_kwh, shown.outside_c, shown.reason, corrects)


def _check(
    contract: HeatContract, last: HeatReading | None, shown: Shown, corrects: bool, now: datetime
) -> None:
    if corrects:
        if last is None:
            raise HeatInvalid("There is no reading to correct.", field="corrects")
        if not shown.reason.strip():
            raise HeatInvalid("Say why the last reading is corrected.", field="reason")
    elif last is not None and last.state == STATE.OBJECTED:
        raise ReadingObjected
    before = _base(contract, last, corrects)
    if shown.total_kwh < before:
        raise HeatInvalid(
            f"The counter was at {format_plain(before)} kWh and never falls.", field="total_kwh"
        )
    earliest = last.read_at if last is not None and not corrects else contract.created_at
    if not earliest <= shown.read_at <= now:
        raise HeatInvalid("A reading is later than the one before, and not ahead.", field="read_at")


def _base(contract: HeatContract, last: HeatReading | None, corrects: bool) -> Decimal:
    if last is None:
        return contract.meter_start_kwh
    return last.total_kwh - last.kwh if corrects else last.total_kwh


def _write(
    contract: HeatContract,
    last: HeatReading | None,
    shown: Shown,
    corrects: bool,
    actor: Actor,
    now: datetime,
) -> HeatReading:
    steps = heat_prices.read_steps(contract.demand.prices)
    price = heat_prices.find_price(steps=steps, outside_c=shown.outside_c)
    kwh = shown.total_kwh - _base(contract, last, corrects)
    right = heat_prices.reckon(kwh=kwh, price=price, fee_bps=contract.fee_bps)
    corrected = last if corrects else None
    cost = heat_prices.correct(right=right, charged=_sum_charged(corrected))
    reading = HeatReading(
        uid=ids.make_uid(),
        contract=contract,
        number=last.number + 1 if last else 1,
        read_at=shown.read_at,
        total_kwh=shown.total_kwh,
        outside_c=shown.outside_c,
        kwh=kwh,
        price=price,
        amount=cost.amount,
        fee=cost.fee,
        corrects=corrected,
        reason=shown.reason,
        entered_by=_name(actor),
        entered_at=now,
    )
    reading.digest = make_digest(reading=reading, previous=last.digest if last else "")
    if corrected is not None and corrected.state in WAITING:
        _answer(corrected, STATE.REPLACED, _name(actor), now, corrected.objection)
    reading.save(force_insert=True)
    return reading


def make_digest(*, reading: HeatReading, previous: str) -> str:
    """SHA-256 over what a reading says and the digest before it; hexadecimal."""
    said = [
        str(reading.contract.uid),
        reading.number,
        reading.read_at.isoformat(),
        format_plain(reading.total_kwh),
        None if reading.outside_c is None else format_plain(reading.outside_c),
        format_plain(reading.price),
        format_plain(reading.amount),
        reading.corrects.number if reading.corrects else None,
        reading.reason,
        reading.entered_by,
        previous,
    ]
    return hashlib.sha256(json.dumps(said, separators=(",", ":")).encode()).hexdigest()


def _sum_charged(reading: HeatReading | None) -> Cost:
    """What was charged for a stretch of the counter: by a reading and by those that it corrects."""
    total = NOTHING
    while reading is not None:
        if reading.state == STATE.CHARGED:
            total = Cost(total.amount + reading.amount, total.fee + reading.fee)
        reading = reading.corrects
    return total


def _charge(contract: HeatContract, reading: HeatReading, by: str, now: datetime) -> None:
    _answer(reading, STATE.CHARGED, by, now, reading.objection)
    if not reading.amount:
        return
    bill = bills.Bill(
        key=name_charge(reading),
        buyer_id=contract.buyer_id,
        provider_id=contract.provider_id,
        currency=contract.demand.currency,
        amount=reading.amount,
        fee=reading.fee,
        reason=f"{format_plain(reading.kwh)} kWh of heat, reading {reading.number} of {contract.uid}",
    )
    bills.charge(bill=bill, due_at=now)


def _answer(reading: HeatReading, state: HeatReading.State, by: str, now: datetime, objection: str) -> None:
    HeatReading.objects.filter(pk=reading.pk).update(
        state=state, answered_by=by, answered_at=now, objection=objection
    )
    reading.state, reading.answered_by, reading.answered_at, reading.objection = state, by, now, objection


def _find(reading: HeatReading) -> HeatReading:
    return HeatReading.objects.select_related("contract", "corrects").get(pk=reading.pk)


def _name(actor: Actor) -> str:
    return f"{actor.kind.lower()}:{actor.uid or 'heat'}"


def _record(
    reading: HeatReading, action: str, organization: Organization, actor: Actor, now: datetime
) -> None:
    audit.record_event(
        actor=actor,
        action=f"heat_reading.{action}",
        subject_kind="heat_reading",
        subject_uid=reading.uid,
        organization=organization,
        now=now,
        details={
            "contract": str(reading.contract.uid),
            "number": reading.number,
            "total_kwh": format_plain(reading.total_kwh),
            "amount": format_plain(reading.amount),
            "digest": reading.digest,
        },
    )

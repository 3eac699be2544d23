"""Entries of a bank statement, and their parts, as lines; both versions are read by their fields' names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from core.quantities import EXACT

REFERENCE_LENGTH_MAX = 140
TEXT_LENGTH_MAX = 2000
NO_REFERENCE = frozenset({"", "NONREF", "NOTPROVIDED", "NOT PROVIDED"})
NOT_PRINTABLE = re.compile(r"[^\x21-\x7e]+")
CHARGE_CODE = "CHRG"
BATCH_UNCLEAR = "BATCH_UNCLEAR"
"""Of an entry that stands for several payments and does not list them, or lists what does not add up."""


@dataclass(frozen=True, slots=True)
class Line:
    """
    One movement, positive for what came in.

    `reference` is the bank's, and names it among all lines of its account. `code` is of ISO 20022
    (`PMNT/RCDT/ESCT`), `bank_code` the bank's own; each may be empty. `trouble` says what the file leaves
    unclear.
    """

    reference: str
    amount: Decimal
    booked_on: date
    is_reversal: bool = False
    code: str = ""
    bank_code: str = ""
    end_to_end_id: str = ""
    counterparty: str = ""
    remittance: str = ""
    trouble: str = ""


def read_entry(entry: Any, *, statement: str, position: int, default: date) -> list[Line]:
    """
    The lines of one booked entry. They sum to its amount.

    An entry without a reference of the bank is named by its place in the statement; one without a day is of
    `default`.
    """
    parts = [part for details in entry.ntry_dtls for part in details.tx_dtls]
    total = sign(entry.amt.value, entry.cdt_dbt_ind)
    day = entry.bookg_dt or entry.val_dt
    base = Line(
        reference=_find_reference(entry, parts, fallback=f"{statement}/{entry.ntry_ref or position}"),
        amount=total,
        booked_on=default if day is None else (day.dt or day.dt_tm).to_datetime().date(),
        is_reversal=bool(entry.rvsl_ind),
        code=_read_domain(entry.bk_tx_cd),
        bank_code=_read_own_code(entry.bk_tx_cd),
        remittance=_cut(entry.addtl_ntry_inf or ""),
    )
    if len(parts) <= 1:
        return _read_single(entry, base, parts, total)
    amounts = [_read_amount(part, entry) for part in parts]
    if None in amounts:
        return [replace(base, trouble=BATCH_UNCLEAR)]
    lines = [
        _describe(replace(base, amount=amount, reference=f"{base.reference}/{place}"), part)
        for place, (part, amount) in enumerate(zip(parts, amounts, strict=True), 1)
        if amount
    ]
    rest = total
    for line in lines:
        rest = EXACT.subtract(rest, line.amount)
    if rest and rest != _sum_charges(entry, parts):
        return [replace(base, trouble=BATCH_UNCLEAR)]
    return lines + ([_charge(base, rest)] if rest else [])


def sign(value: Decimal, indicator: Any) -> Decimal:
    """An amount with its sign: positive for a credit of the platform's account."""
    return value if indicator.value == "CRDT" else value.copy_negate()


def read_code(choice: Any) -> str:
    """The code of a status or a kind of balance: text, a member of an enumeration, or a choice of them."""
    inner = getattr(choice, "cd", choice)
    return str(getattr(inner, "value", inner) or "")


def _read_single(entry: Any, base: Line, parts: list[Any], total: Decimal) -> list[Line]:
    if not parts:
        batches = [details.btch for details in entry.ntry_dtls if details.btch is not None]
        several = any(batch.nb_of_txs not in (None, "1") for batch in batches)
        return [replace(base, trouble=BATCH_UNCLEAR if several else "")]
    line = _describe(base, parts[0])
    paid = _read_amount(parts[0], entry)
    rest = Decimal(0) if paid is None else EXACT.subtract(total, paid)
    # Of what came in, the wallet gets what arrived; of what went out, the payee's part is told apart.
    if total > 0 or not rest or rest != _sum_charges(entry, parts):
        return [line]
    return [replace(line, amount=EXACT.subtract(total, rest)), _charge(base, rest)]


def _charge(base: Line, amount: Decimal) -> Line:
    return replace(
        base,
        amount=amount,
        reference=f"{base.reference}/charges",
        code=CHARGE_CODE,
        bank_code="",
        is_reversal=False,
    )


def _describe(line: Line, part: Any) -> Line:
    refs, incoming = part.refs, line.amount > 0
    texts = [line.remittance, *_read_remittance(part.rmt_inf), part.addtl_tx_inf or ""]
    returned = part.rtr_inf
    if returned is not None:
        texts.append(
            " ".join(filter(None, [read_code(returned.rsn) if returned.rsn else "", *returned.addtl_inf]))
        )
    end_to_end = (refs.end_to_end_id if refs else None) or ""
    return replace(
        line,
        code=_read_domain(part.bk_tx_cd) or line.code,
        bank_code=_read_own_code(part.bk_tx_cd) or line.bank_code,
        end_to_end_id="" if end_to_end.upper() in NO_REFERENCE else end_to_end,
        counterparty=_read_party(part.rltd_pties, incoming=incoming),
        remittance=_cut("\n".join(text for text in texts if text)),
    )


def _find_reference(entry: Any, parts: list[Any], *, fallback: str) -> str:
    refs = [entry.acct_svcr_ref]
    if len(parts) == 1 and parts[0].refs is not None:
        refs.append(parts[0].refs.acct_svcr_ref)
    for given in refs:
        if given is not None and given.strip().upper() not in NO_REFERENCE:
            return _spell(given)
    return _spell(fallback)


def _spell(reference: str) -> str:
    """A reference in printable ASCII, so that an operator can type it."""
    return NOT_PRINTABLE.sub(" ", reference).strip()[: REFERENCE_LENGTH_MAX - 20] or "?"


def _read_amount(part: Any, entry: Any) -> Decimal | None:
    amount = getattr(part, "amt", None)
    if amount is None and part.amt_dtls is not None and part.amt_dtls.tx_amt is not None:
        amount = part.amt_dtls.tx_amt.amt
    if amount is None or amount.ccy != entry.amt.ccy:
        return None
    return sign(amount.value, getattr(part, "cdt_dbt_ind", None) or entry.cdt_dbt_ind)


def _sum_charges(entry: Any, parts: list[Any]) -> Decimal:
    """What the bank says that it took, negative; if an entry and its parts both say it, the entry rules."""
    own = list(_list_charges(entry.chrgs))
    total = Decimal(0)
    for charge in own or [one for part in parts for one in _list_charges(part.chrgs)]:
        if charge.amt.ccy == entry.amt.ccy:
            credited = charge.cdt_dbt_ind is not None and charge.cdt_dbt_ind.value == "CRDT"
            total = EXACT.add(total, charge.amt.value if credited else charge.amt.value.copy_negate())
    return total


def _list_charges(charges: Any) -> Iterator[Any]:
    yield from charges.rcrd if hasattr(charges, "rcrd") else charges or ()


def _read_domain(code: Any) -> str:
    if code is None or code.domn is None:
        return ""
    return f"{code.domn.cd}/{code.domn.fmly.cd}/{code.domn.fmly.sub_fmly_cd}"


def _read_own_code(code: Any) -> str:
    return code.prtry.cd if code is not None and code.prtry is not None else ""


def _read_party(parties: Any, *, incoming: bool) -> str:
    other = (parties.dbtr if incoming else parties.cdtr) if parties is not None else None
    # Version 08 says whether it is a person or a bank; version 02 knows only the former.
    party = getattr(other, "pty", other)
    return _cut(getattr(party, "nm", None) or "")


def _read_remittance(remittance: Any) -> Iterator[str]:
    if remittance is None:
        return
    yield from remittance.ustrd
    for block in remittance.strd:
        if block.cdtr_ref_inf is not None and block.cdtr_ref_inf.ref:
            yield block.cdtr_ref_inf.ref
        yield from block.addtl_rmt_inf


def _cut(text: str) -> str:
    return text.replace("\0", "")[:TEXT_LENGTH_MAX]

"""
What a line of a bank statement is. Pure: facts in, one decision out.

In this order: a payout by its name, money that was to be sent back by its name, a fee by its code, a deposit
by its reference. Reversals, and everything else, are for people to tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

FEE_SUBFAMILIES = frozenset({"CHRG", "COMM", "COME", "COMI", "COMT", "FEES"})
"""Of ISO 20022's external codes of bank transactions: charges, commissions in four kinds, fees."""


class Reason(StrEnum):
    """Why a line is in suspense."""

    BATCH_UNCLEAR = "BATCH_UNCLEAR"
    NO_REFERENCE = "NO_REFERENCE"
    UNKNOWN_REFERENCE = "UNKNOWN_REFERENCE"
    SEVERAL_REFERENCES = "SEVERAL_REFERENCES"
    WRONG_CURRENCY = "WRONG_CURRENCY"
    WRONG_AMOUNT = "WRONG_AMOUNT"
    OTHER_BOOKS = "OTHER_BOOKS"
    ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
    REFERENCE_USED = "REFERENCE_USED"
    BOOKED_AND_REVERSED = "BOOKED_AND_REVERSED"
    REVERSAL = "REVERSAL"
    UNKNOWN_PAYMENT = "UNKNOWN_PAYMENT"
    PAYOUT_USED = "PAYOUT_USED"
    PAYOUT_NOT_PAID = "PAYOUT_NOT_PAID"
    PAYOUT_GIVEN_BACK = "PAYOUT_GIVEN_BACK"
    OTHER_RAIL = "OTHER_RAIL"


class Target(StrEnum):
    """What a line is booked as."""

    WALLET = "WALLET"
    PAYOUT = "PAYOUT"
    RETURN = "RETURN"
    FEE = "FEE"
    BACK = "BACK"
    """Money that goes back to where it came from."""
    SUSPENSE = "SUSPENSE"


@dataclass(frozen=True, slots=True)
class Facts:
    """A line and its account, in the ledger's words."""

    amount: Decimal
    currency: str
    entity: str
    is_reversal: bool
    code: str
    bank_code: str
    fee_codes: frozenset[str]
    wallet_ids: tuple[int, ...]
    """Of the references in its remittance information, whether or not there are such wallets."""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A wallet, payout, or line to be sent back, as the matching needs it; `amount` of the latter two."""

    id: int
    currency: str
    entity: str
    amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a line: `id` is the wallet's, payout's or other line's, `reason` of suspense."""

    target: Target
    id: int | None = None
    reason: str = ""


def decide(
    facts: Facts, *, wallets: Mapping[int, Known], payout: Known | None = None, back: Known | None = None
) -> Decision:
    """What a line is; `payout` and `back` are those that its end-to-end id names."""
    if facts.trouble:
        return _suspend(facts.trouble)
    if payout is not None:
        return _match_payout(facts, payout)
    if back is not None:
        if facts.amount == back.amount.copy_negate() and facts.currency == back.currency:
            return Decision(Target.BACK, back.id)
        return _suspend(Reason.WRONG_AMOUNT)
    if is_fee(facts) and facts.is_reversal == (facts.amount > 0):
        return Decision(Target.FEE)
    if facts.is_reversal:
        return _suspend(Reason.REVERSAL)
    return _match_wallet(facts, wallets) if facts.amount > 0 else _suspend(Reason.UNKNOWN_PAYMENT)


def is_fee(facts: Facts) -> bool:
    """Whether the bank says that it is a fee of its own."""
    return facts.code.rpartition("/")[2] in FEE_SUBFAMILIES or facts.bank_code in facts.fee_codes


def _match_payout(facts: Facts, payout: Known) -> Decision:
    if facts.currency != payout.currency:
        return _suspend(Reason.WRONG_CURRENCY)
    if facts.entity != payout.entity:
        return _suspend(Reason.OTHER_BOOKS)
    if facts.amount.copy_abs() != payout.amount:
        return _suspend(Reason.WRONG_AMOUNT)
    return Decision(Target.RETURN if facts.amount > 0 else Target.PAYOUT, payout.id)


def _match_wallet(facts: Facts, wallets: Mapping[int, Known]) -> Decision:
    found = [wallets[one] for one in facts.wallet_ids if one in wallets]
    if not found:
        return _suspend(Reason.UNKNOWN_REFERENCE if facts.wallet_ids else Reason.NO_REFERENCE)
    if len(found) > 1:
        return _suspend(Reason.SEVERAL_REFERENCES)
    [wallet] = found
    if wallet.currency != facts.currency:
        return _suspend(Reason.WRONG_CURRENCY)
    if wallet.entity != facts.entity:
        return _suspend(Reason.OTHER_BOOKS)
    return Decision(Target.WALLET, wallet.id)


def _suspend(reason: str) -> Decision:
    return Decision(Target.SUSPENSE, reason=reason)

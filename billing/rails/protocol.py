"""
What every rail can do, whoever is behind it: a bank, Stripe, a chain, a person at a desk.

A rail checks where somebody wants to be paid, and turns payouts into instructions: files that people carry to
a bank or a signer, or calls that a program makes. What became of a payout is read back as news of it. Rails
touch neither the database nor the books.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from core.errors import DomainError, Invalid


class DetailRefused(Invalid):
    """A detail of a payee is missing or wrong; `field` names it, so that a form can show the reason there."""

    code = "detail_refused"

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message, field=field)
        self.field = field


class CannotInstruct(DomainError):
    """A rail refuses to make an instruction; `payout` is the one it stumbled over, if it was one."""

    code = "cannot_instruct"

    def __init__(self, message: str, *, payout: UUID | None = None) -> None:
        super().__init__(message, **({"payout": str(payout)} if payout else {}))
        self.payout = payout


class Unreadable(Invalid):
    """What was handed in as an answer of this rail is none."""

    code = "unreadable_answer"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: `code` for programs, `message` for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class PayeeDetails:
    """
    Where a payee is paid, checked and in one spelling; `hint` shows people which one it is, and no more.

    Two that mean the same account are equal in `identity`, whatever else differs.
    """

    values: Mapping[str, str] = field(repr=False)
    hint: str
    identity: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """One payout as a rail needs it; `reference` is what the payee reads on a statement."""

    payout_uid: UUID
    amount: Decimal
    currency: str
    country: str
    details: Mapping[str, str] = field(repr=False)
    reference: str = ""

    @property
    def end_to_end_id(self) -> str:
        """What the payout is called on every rail: 32 characters, letters and digits, made from its uid."""
        return name_payout(self.payout_uid)


@dataclass(frozen=True, slots=True)
class FileInstruction:
    """A file that people carry to whoever pays. The same payouts make the same bytes."""

    name: str
    media_type: str
    content: bytes = field(repr=False)
    payouts: tuple[UUID, ...]
    total: Decimal
    currency: str

    @property
    def sha256(self) -> str:
        """Hash of the content, in hexadecimal: what two people compare before the file is used."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class CallInstruction:
    """A call that a program makes for one payout; `key` makes a repeat harmless."""

    payout: UUID
    operation: str
    parameters: Mapping[str, Any]
    key: str


Instruction = FileInstruction | CallInstruction


class Step(StrEnum):
    """How far a payout has come, as a rail tells it."""

    ACCEPTED = "ACCEPTED"
    """The rail has it and will pay."""
    PAID = "PAID"
    """The money has left our account."""
    REFUSED = "REFUSED"
    """It will not be paid, or has come back."""


@dataclass(frozen=True, slots=True)
class News:
    """
    What a rail says of one payout; `happened_at` None where it names no moment.

    What was not followed waits for a second person.
    """

    payout_uid: UUID
    step: Step
    external_id: str
    reason: str = ""
    happened_at: datetime | None = None
    is_followed: bool = True


class Rail(Protocol):
    """
    One way to pay.

    `name` is what payouts and methods call it; its first word decides the clearing account it pays from.
    `is_file` says whether its instructions are files.
    """

    name: str
    is_file: bool

    def supports(self, *, currency: str, country: str) -> Refusal | None:
        """Why it cannot pay this currency into this country (ISO 3166-1 alpha-2); None if it can."""

    def list_fields(self, *, currency: str, country: str) -> tuple[str, ...]:
        """Names of the details it asks for there, in the order a person would give them."""

    def validate(self, details: Mapping[str, str], *, currency: str, country: str) -> PayeeDetails:
        """
        Check where somebody wants to be paid.

        :raises DetailRefused: with the field that is missing or wrong
        """

    def minimum(self, currency: str) -> Decimal:
        """The least it pays in one go."""

    def prepare(
        self, orders: Sequence[PaymentOrder], *, payer: Mapping[str, str], now: datetime
    ) -> list[Instruction]:
        """
        Instructions for payouts of one currency, from the account that `payer` describes.

        :raises CannotInstruct: if one of them cannot be paid so, or the payer's account is not described
        """

    def confirm(
        self, answer: bytes, *, name: str, orders: Sequence[PaymentOrder], payer: Mapping[str, str]
    ) -> list[News]:
        """
        Read what the other side answered to the instruction `name`, which was for these payouts.

        :raises Unreadable: if it is no answer to that
        """


def name_payout(uid: UUID) -> str:
    """What a payout is called on every rail, from its uid."""
    return uid.hex.upper()


def find_payout_uid(end_to_end_id: str) -> UUID | None:
    """The payout that is called so; None for a name that is not of our making."""
    text = end_to_end_id.strip()
    if len(text) != 32 or text != text.upper():
        return None
    try:
        return UUID(hex=text)
    except ValueError:
        return None


def require_detail(details: Mapping[str, str], name: str) -> str:
    """
    A detail without the spaces around it.

    :raises DetailRefused: if it is missing
    """
    text = details.get(name, "").strip()
    if not text:
        raise DetailRefused("This is needed.", field=name)
    return text


def mask(text: str, *, shown: int = 4) -> str:
    """The last characters of an account, so that its owner knows it and nobody else does."""
    return f"…{text[-shown:]}"

"""Payment by hand: an operator pays by whatever means was agreed upon, and a second one confirms it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from billing.rails.protocol import (
    CannotInstruct,
    DetailRefused,
    FileInstruction,
    Instruction,
    News,
    PayeeDetails,
    PaymentOrder,
    Refusal,
    Unreadable,
    require_detail,
)
from billing.rails.sheets import write_sheet

NAME_LENGTH_MAX = 140
INSTRUCTIONS_LENGTH_MAX = 1000
COLUMNS = ("payout", "name", "country", "instructions", "amount", "currency", "reference")


class ManualRail:
    """Where no other rail reaches. Its file is a list for the person who pays."""

    name = "manual"
    is_file = True

    def supports(self, *, currency: str, country: str) -> Refusal | None:
        """Whatever an operator can do; the rules say where not."""
        return None

    def list_fields(self, *, currency: str, country: str) -> tuple[str, ...]:
        """Who is paid, and how."""
        return ("name", "instructions")

    def validate(self, details: Mapping[str, str], *, currency: str, country: str) -> PayeeDetails:
        """
        Check that there is a name and something to go by.

        :raises DetailRefused: if one is missing or too long
        """
        name, text = require_detail(details, "name"), require_detail(details, "instructions")
        if len(name) > NAME_LENGTH_MAX:
            raise DetailRefused(f"At most {NAME_LENGTH_MAX} characters.", field="name")
        if len(text) > INSTRUCTIONS_LENGTH_MAX:
            raise DetailRefused(f"At most {INSTRUCTIONS_LENGTH_MAX} characters.", field="instructions")
        return PayeeDetails({"name": name, "instructions": text}, hint=name, identity=f"{name}\0{text}")

    def minimum(self, currency: str) -> Decimal:
        """Nothing is too small by itself."""
        return Decimal(0)

    def prepare(
        self, orders: Sequence[PaymentOrder], *, payer: Mapping[str, str], now: datetime
    ) -> list[Instruction]:
        """
        One list of all payments, in the order of their ids.

        :raises CannotInstruct: if they are in several currencies
        """
        if len({order.currency for order in orders}) != 1:
            raise CannotInstruct("A list of payments is in one currency.")
        listed = sorted(orders, key=lambda order: order.end_to_end_id)
        rows = [
            {
                "payout": order.end_to_end_id,
                "name": order.details["name"],
                "country": order.country,
                "instructions": order.details["instructions"],
                "amount": format(order.amount, "f"),
                "currency": order.currency,
                "reference": order.reference,
            }
            for order in listed
        ]
        return [
            FileInstruction(
                name=f"manual-{listed[0].currency}-{listed[0].end_to_end_id[:12]}.csv",
                media_type="text/csv",
                content=write_sheet(COLUMNS, rows),
                payouts=tuple(order.payout_uid for order in listed),
                total=sum((order.amount for order in listed), Decimal(0)),
                currency=listed[0].currency,
            )
        ]

    def confirm(
        self, answer: bytes, *, name: str, orders: Sequence[PaymentOrder], payer: Mapping[str, str]
    ) -> list[News]:
        """
        Nobody answers; operators note each payment.

        :raises Unreadable: always
        """
        raise Unreadable("Payments by hand are noted one by one.")

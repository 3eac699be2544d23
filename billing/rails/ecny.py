"""
e-CNY: digital renminbi, paid by the operating institution that keeps our wallet, from a file that we hand it.

There is no public interface for it. A wallet is named by the sixteen digits that wallet apps show, and by the
institution that opened it; no check digit is published, so names are compared by whoever pays.
"""

import csv
import hashlib
import io
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from billing.rails.protocol import (
    CannotInstruct,
    DetailRefused,
    FileInstruction,
    Instruction,
    News,
    PayeeDetails,
    PaymentOrder,
    Refusal,
    Step,
    Unreadable,
    find_payout_uid,
    mask,
    require_detail,
)
from billing.rails.sheets import write_sheet
from billing.rails.texts import check_text

WALLET = re.compile(r"[0-9]{16}")
INSTITUTIONS = ("ICBC", "ABC", "BOC", "CCB", "BOCOM", "PSBC", "CMB", "CIB", "WEBANK", "MYBANK")
"""Who opens wallets: the authorized operators that the People's Bank of China has named."""
NAME_LENGTH_MAX = 140
COLUMNS = ("payout", "name", "wallet", "institution", "amount", "currency", "reference")
STATUSES = {"PAID": Step.PAID, "ACCEPTED": Step.ACCEPTED, "REFUSED": Step.REFUSED}


class EcnyRail:
    """An instruction file, and the list of what was done that comes back."""

    name = "ecny"
    is_file = True

    def supports(self, *, currency: str, country: str) -> Refusal | None:
        """Digital renminbi is CNY."""
        return None if currency == "CNY" else Refusal("currency", "e-CNY is renminbi (CNY) and nothing else.")

    def list_fields(self, *, currency: str, country: str) -> tuple[str, ...]:
        """The wallet, who opened it, and whose it is."""
        return ("name", "wallet", "institution")

    def validate(self, details: Mapping[str, str], *, currency: str, country: str) -> PayeeDetails:
        """
        Check a wallet's number and its institution.

        :raises DetailRefused: with the field that is missing or wrong
        """
        name = check_text(
            require_detail(details, "name"), field="name", length_max=NAME_LENGTH_MAX, country="CN"
        )
        wallet = require_detail(details, "wallet").replace(" ", "")
        if not WALLET.fullmatch(wallet):
            raise DetailRefused("The number of an e-CNY wallet has sixteen digits.", field="wallet")
        institution = require_detail(details, "institution").upper()
        if institution not in INSTITUTIONS:
            raise DetailRefused(f"Wallets are opened by {', '.join(INSTITUTIONS)}.", field="institution")
        values = {"name": name, "wallet": wallet, "institution": institution}
        return PayeeDetails(values, hint=f"{name} {mask(wallet)}", identity=f"{institution}\0{wallet}")

    def minimum(self, currency: str) -> Decimal:
        """One fen."""
        return Decimal("0.01")

    def prepare(
        self, orders: Sequence[PaymentOrder], *, payer: Mapping[str, str], now: datetime
    ) -> list[Instruction]:
        """
        One sheet of all payments, in the order of their ids.

        :raises CannotInstruct: if an amount has fractions of a fen
        """
        listed = sorted(orders, key=lambda order: order.end_to_end_id)
        if not listed:
            raise CannotInstruct("A file has one payment at least.")
        for order in listed:
            if order.amount <= 0 or order.amount != order.amount.quantize(Decimal("0.01")):
                raise CannotInstruct(f"e-CNY pays no {order.amount}.", payout=order.payout_uid)
        rows = [
            {
                "payout": order.end_to_end_id,
                **{key: order.details[key] for key in ("name", "wallet", "institution")},
                "amount": format(order.amount.quantize(Decimal("0.01")), "f"),
                "currency": order.currency,
                "reference": order.reference,
            }
            for order in listed
        ]
        ids = "".join(order.end_to_end_id for order in listed)
        return [
            FileInstruction(
                name=f"ecny-{hashlib.sha256(ids.encode()).hexdigest()[:16]}.csv",
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
        Read what was done: a sheet with the columns payout, status (PAID, ACCEPTED, REFUSED) and reason.

        :raises Unreadable: if a column is missing, a status unknown, or a payout not of this file
        """
        known = {order.payout_uid for order in orders}
        try:
            rows = list(csv.DictReader(io.StringIO(answer.decode("utf-8-sig")), strict=True))
        except (UnicodeDecodeError, csv.Error) as error:
            raise Unreadable("This is no sheet in UTF-8.") from error
        return [_read_row(row, known) for row in rows]


def _read_row(row: Mapping[str, str | None], known: Collection[UUID]) -> News:
    uid = find_payout_uid(row.get("payout") or "")
    if uid is None or uid not in known:
        raise Unreadable(f"The payout {row.get('payout')} is not in this file.")
    status = (row.get("status") or "").strip().upper()
    if status not in STATUSES:
        raise Unreadable(f"A status is one of {', '.join(STATUSES)}, not {status or 'nothing'}.")
    return News(uid, STATUSES[status], uid.hex.upper(), (row.get("reason") or "").strip())

"""
Bank transfers as a file: ISO 20022's pain.001.001.09, and its answer, pain.002.001.12.

Offshore renminbi has no code of its own in ISO 4217: a file says CNY, and what tells CNH apart is where it is
settled. Docs: docs/reference/bank-files.md.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from pyiso20022.pain.pain_001_001_09 import pain_001_001_09 as pain
from xsdata.models.datatype import XmlDate, XmlDateTime

from billing.rails import bank_answers, bank_parties, schemas
from billing.rails.bank_accounts import check_account, list_fields
from billing.rails.protocol import (
    CannotInstruct,
    DetailRefused,
    FileInstruction,
    Instruction,
    News,
    PayeeDetails,
    PaymentOrder,
    Refusal,
)
from core.quantities import EXACT

CURRENCIES = {"CNY": "CNY", "CNH": "CNY", "HKD": "HKD", "EUR": "EUR", "USD": "USD"}
"""What a file calls each."""
MINIMA = {
    "CNY": Decimal(10),
    "CNH": Decimal(10),
    "HKD": Decimal(10),
    "EUR": Decimal(1),
    "USD": Decimal(1),
}
"""What a transfer is worth making for; banks themselves take a cent."""
PLACES = 2
HONG_KONG_RENMINBI = "RMBCHATS"
"""Said of every payment in CNH, so that no bank sends it onshore."""
PURPOSE_SERVICES = "CSTRDR"
"""
Cross-border trade in services: a renminbi payment to the mainland is returned without its category.

The People's Bank of China's categories of CNAPS 2, as banks list them for their customers: CGODDR goods,
CSTRDR services, CCTFDR capital, CCDNDR charity, COCADR other current account.
"""
BALANCE_OF_PAYMENTS_COMPUTING = "227020"
"""Computer services, in SAFE's classification of foreign-related receipts and payments (2014)."""
UNSTRUCTURED_LENGTH_MAX = 140


class BankFileRail:
    """A file that somebody uploads to the bank; its answer and its statement tell what became of it."""

    name = "bank_file"
    is_file = True

    def supports(self, *, currency: str, country: str) -> Refusal | None:
        """CNY, CNH, HKD, EUR and USD; where to is for the rules to say."""
        if currency not in CURRENCIES:
            return Refusal("currency", f"Bank files carry no {currency}.")
        return None

    def list_fields(self, *, currency: str, country: str) -> tuple[str, ...]:
        """What an account in this country is made of."""
        return list_fields(country)

    def validate(self, details: Mapping[str, str], *, currency: str, country: str) -> PayeeDetails:
        """
        Check an account by the rules of its country.

        :raises DetailRefused: with the field that is missing or wrong
        """
        return check_account(details, country=country)

    def minimum(self, currency: str) -> Decimal:
        """What a transfer is worth making for."""
        return MINIMA[currency]

    def prepare(
        self, orders: Sequence[PaymentOrder], *, payer: Mapping[str, str], now: datetime
    ) -> list[Instruction]:
        """
        One message with one block, judged by the schema; the same orders, payer and moment give its bytes.

        `payer` is an account as payees give theirs, with its `country`; `purpose` and `bop_code` where they
        differ from trade in computer services.

        :raises CannotInstruct: if an amount has fractions of a cent, the currencies differ, or an account
            is wrong
        """
        listed = sorted(orders, key=lambda order: order.end_to_end_id)
        if not listed or len({order.currency for order in listed}) != 1:
            raise CannotInstruct("A bank file is of one currency, and of one payment at least.")
        if len({order.payout_uid for order in listed}) != len(listed):
            raise CannotInstruct("A payout is in a file once.")
        checked = _check_payer(payer)
        message = name_message(listed)
        document = _write(listed, payer=checked, message=message, now=now)
        content = schemas.write(document, kind=schemas.PAYMENTS)
        return [
            FileInstruction(
                name=f"{message}.xml",
                media_type="application/xml",
                content=content,
                payouts=tuple(order.payout_uid for order in listed),
                total=_add(listed),
                currency=listed[0].currency,
            )
        ]

    def confirm(
        self, answer: bytes, *, name: str, orders: Sequence[PaymentOrder], payer: Mapping[str, str]
    ) -> list[News]:
        """
        Read a pain.002: payments that were taken, and those that were refused with the bank's reason.

        :raises Unreadable: if it is none, or answers another file
        """
        return bank_answers.read(
            answer, message=name.removesuffix(".xml"), payouts=[order.payout_uid for order in orders]
        )


def name_message(orders: Sequence[PaymentOrder]) -> str:
    """What a file of these payouts is called: 34 characters, the same whenever it is made."""
    ids = "".join(sorted(order.end_to_end_id for order in orders))
    return "JP" + hashlib.sha256(ids.encode()).hexdigest()[:32].upper()


def _write(
    orders: Sequence[PaymentOrder], *, payer: Mapping[str, str], message: str, now: datetime
) -> pain.Document:
    count, total, day = str(len(orders)), _add(orders), now.astimezone(UTC)
    currency = orders[0].currency
    block = pain.PaymentInstruction30(
        pmt_inf_id=message,
        pmt_mtd=pain.PaymentMethod3Code.TRF,
        nb_of_txs=count,
        ctrl_sum=total,
        pmt_tp_inf=_describe_settlement(currency),
        reqd_exctn_dt=pain.DateAndDateTime2Choice(dt=XmlDate.from_date(day.date())),
        dbtr=bank_parties.make_party(payer, country=payer["country"]),
        dbtr_acct=bank_parties.make_account(payer, currency=CURRENCIES[currency]),
        dbtr_agt=bank_parties.make_agent(payer, country=payer["country"]),
        chrg_br=pain.ChargeBearerType1Code.SHAR,
        cdt_trf_tx_inf=[_write_payment(order, payer) for order in orders],
    )
    head = pain.GroupHeader85(
        msg_id=message,
        cre_dt_tm=XmlDateTime.from_datetime(day.replace(microsecond=0)),
        nb_of_txs=count,
        ctrl_sum=total,
        initg_pty=pain.PartyIdentification135(nm=payer["name"]),
    )
    initiation = pain.CustomerCreditTransferInitiationV09(grp_hdr=head, pmt_inf=[block])
    return pain.Document(cstmr_cdt_trf_initn=initiation)


def _write_payment(order: PaymentOrder, payer: Mapping[str, str]) -> pain.CreditTransferTransaction34:
    amount = pain.ActiveOrHistoricCurrencyAndAmount(
        value=_check_amount(order), ccy=CURRENCIES[order.currency]
    )
    payment = pain.CreditTransferTransaction34(
        pmt_id=pain.PaymentIdentification6(instr_id=order.end_to_end_id, end_to_end_id=order.end_to_end_id),
        amt=pain.AmountType4Choice(instd_amt=amount),
        cdtr_agt=bank_parties.make_agent(order.details, country=order.country),
        cdtr=bank_parties.make_party(order.details, country=order.country),
        cdtr_acct=bank_parties.make_account(order.details),
    )
    if order.reference:
        payment.rmt_inf = pain.RemittanceInformation16(ustrd=[order.reference[:UNSTRUCTURED_LENGTH_MAX]])
    if order.country == "CN" and payer["country"] != "CN":
        payment.purp = pain.Purpose2Choice(prtry=payer["purpose"])
        payment.rgltry_rptg = [
            pain.RegulatoryReporting3(
                authrty=pain.RegulatoryAuthority2(nm="SAFE", ctry="CN"),
                dtls=[pain.StructuredRegulatoryReporting3(cd=payer["bop_code"])],
            )
        ]
    return payment


def _describe_settlement(currency: str) -> pain.PaymentTypeInformation26 | None:
    if currency != "CNH":
        return None
    return pain.PaymentTypeInformation26(lcl_instrm=pain.LocalInstrument2Choice(prtry=HONG_KONG_RENMINBI))


def _check_payer(payer: Mapping[str, str]) -> dict[str, str]:
    try:
        checked = check_account(payer, country=payer.get("country", ""))
    except DetailRefused as refusal:
        raise CannotInstruct(f"The account to pay from: {refusal.field}: {refusal.message}") from refusal
    return {
        **checked.values,
        "country": payer["country"],
        "purpose": payer.get("purpose") or PURPOSE_SERVICES,
        "bop_code": payer.get("bop_code") or BALANCE_OF_PAYMENTS_COMPUTING,
    }


def _check_amount(order: PaymentOrder) -> Decimal:
    cents = order.amount.quantize(Decimal(1).scaleb(-PLACES))
    if cents != order.amount or cents <= 0:
        raise CannotInstruct(f"Banks pay no {order.amount} {order.currency}.", payout=order.payout_uid)
    return cents


def _add(orders: Sequence[PaymentOrder]) -> Decimal:
    total = Decimal(0)
    for order in orders:
        total = EXACT.add(total, _check_amount(order))
    return total

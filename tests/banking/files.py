"""Statements written by a small writer that knows nothing of the reader."""

from dataclasses import dataclass, field
from decimal import Decimal
from xml.sax.saxutils import escape

IBAN = "DE89370400440532013000"
NS = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.{}"


@dataclass
class Entry:
    """One booked entry as a bank would write it; `amount` signed."""

    amount: str
    ref: str = ""
    text: str = ""
    end_to_end: str = ""
    code: str = "PMNT/RCDT/ESCT"
    own_code: str = ""
    reversal: bool = False
    status: str = "BOOK"
    more: str = ""
    party: str = "Lab Ltd"


@dataclass
class Sheet:
    """A statement; the closing balance is reckoned unless it is said."""

    name: str = "S1"
    number: int | None = 1
    day: str = "2026-06-01"
    opening: str = "0"
    closing: str = ""
    currency: str = "USD"
    account: str = IBAN
    entries: list[Entry] = field(default_factory=list)

    @property
    def end(self) -> Decimal:
        """What it closes with."""
        booked = (Decimal(one.amount) for one in self.entries if one.status == "BOOK")
        return Decimal(self.closing) if self.closing else sum(booked, Decimal(self.opening))


def write(*sheets: Sheet) -> bytes:
    """A camt.053.001.08 of these statements."""
    body = "".join(_write_sheet(sheet) for sheet in sheets)
    head = "<GrpHdr><MsgId>M</MsgId><CreDtTm>2026-06-02T01:00:00Z</CreDtTm></GrpHdr>"
    inner = f"<BkToCstmrStmt>{head}{body}</BkToCstmrStmt>"
    start = f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{NS.format("08")}">'
    return f"{start}{inner}</Document>".encode()


def _write_sheet(sheet: Sheet) -> str:
    number = "" if sheet.number is None else f"<ElctrncSeqNb>{sheet.number}</ElctrncSeqNb>"
    balances = _balance("OPBD", Decimal(sheet.opening), sheet) + _balance("CLBD", sheet.end, sheet)
    return (
        f"<Stmt><Id>{escape(sheet.name)}</Id>{number}<CreDtTm>2026-06-02T01:00:00Z</CreDtTm>"
        f"<Acct><Id><IBAN>{sheet.account}</IBAN></Id><Ccy>{sheet.currency}</Ccy></Acct>{balances}"
        + "".join(_write_entry(one, sheet) for one in sheet.entries)
        + "</Stmt>"
    )


def _balance(kind: str, amount: Decimal, sheet: Sheet) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{_amount(amount, sheet.currency)}"
        f"<Dt><Dt>{sheet.day}</Dt></Dt></Bal>"
    )


def _amount(amount: Decimal, currency: str) -> str:
    way = "DBIT" if amount < 0 else "CRDT"
    return f'<Amt Ccy="{currency}">{abs(amount):f}</Amt><CdtDbtInd>{way}</CdtDbtInd>'


def _write_entry(one: Entry, sheet: Sheet) -> str:
    way = "Dbtr" if Decimal(one.amount) > 0 else "Cdtr"
    domain, family, sub = one.code.split("/") if one.code else ("", "", "")
    code = f"<Domn><Cd>{domain}</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{sub}</SubFmlyCd></Fmly></Domn>"
    own = f"<Prtry><Cd>{one.own_code}</Cd></Prtry>" if one.own_code else ""
    refs = f"<Refs><EndToEndId>{escape(one.end_to_end)}</EndToEndId></Refs>" if one.end_to_end else ""
    said = f"<RmtInf><Ustrd>{escape(one.text)}</Ustrd></RmtInf>" if one.text else ""
    party = f"<RltdPties><{way}><Pty><Nm>{escape(one.party)}</Nm></Pty></{way}></RltdPties>"
    parts = one.more or f"<NtryDtls><TxDtls>{refs}{party}{said}</TxDtls></NtryDtls>"
    return (
        f"<Ntry>{_amount(Decimal(one.amount), sheet.currency)}"
        + (f"<RvslInd>{str(one.reversal).lower()}</RvslInd>" if one.reversal else "")
        + f"<Sts><Cd>{one.status}</Cd></Sts><BookgDt><Dt>{sheet.day}</Dt></BookgDt>"
        + (f"<AcctSvcrRef>{escape(one.ref)}</AcctSvcrRef>" if one.ref else "")
        + f"<BkTxCd>{code if one.code else ''}{own}</BkTxCd>{parts}</Ntry>"
    )

"""Statements of banks, read: three banks' habits by hand, and what is refused."""

from decimal import Decimal

import pytest

from billing.banking import camt, references
from billing.banking.unreadable import Unreadable
from tests.banking.files import NS, Entry, Sheet, write

GERMAN = f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<Document xmlns="{NS.format("02")}"><BkToCstmrStmt>
<GrpHdr><MsgId>053D2026-06-02</MsgId><CreDtTm>2026-06-02T02:10:00.000+02:00</CreDtTm></GrpHdr>
<Stmt><Id>0352C5320260601</Id><ElctrncSeqNb>104</ElctrncSeqNb><CreDtTm>2026-06-02T02:10:00.000+02:00</CreDtTm>
<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>PRCD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1000.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Dt><Dt>2026-05-31</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1093.50</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Dt><Dt>2026-06-01</Dt></Dt></Bal>
<Ntry><Amt Ccy="EUR">150.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><Dt>2026-06-01</Dt></BookgDt>
<ValDt><Dt>2026-06-01</Dt></ValDt><AcctSvcrRef>2026060112345678000</AcctSvcrRef>
<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn>
<Prtry><Cd>NTRF+166+00931</Cd><Issr>DK</Issr></Prtry></BkTxCd>
<NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>
<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>
<AmtDtls><TxAmt><Amt Ccy="EUR">100.00</Amt></TxAmt></AmtDtls>
<RltdPties><Dbtr><Nm>Müller GmbH</Nm></Dbtr></RltdPties>
<RmtInf><Ustrd>Guthaben jp srnyu</Ustrd><Ustrd>mr228</Ustrd></RmtInf>
</TxDtls>
<TxDtls><Refs><EndToEndId>RE-7</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="EUR">50.00</Amt></TxAmt></AmtDtls>
<RmtInf><Strd>
<CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp><Ref>RF53JPSRNYUMR2</Ref></CdtrRefInf></Strd></RmtInf>
</TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="EUR">56.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><Dt>2026-06-01</Dt></BookgDt>
<AcctSvcrRef>NONREF</AcctSvcrRef><BkTxCd><Prtry><Cd>NTRF</Cd></Prtry></BkTxCd>
<Chrgs><Amt Ccy="EUR">6.50</Amt><CdtDbtInd>DBIT</CdtDbtInd></Chrgs>
<NtryDtls><TxDtls><Refs><EndToEndId>0197AA00000070008000000000000001</EndToEndId></Refs>
<AmtDtls><TxAmt><Amt Ccy="EUR">50.00</Amt></TxAmt></AmtDtls></TxDtls></NtryDtls></Ntry>
</Stmt></BkToCstmrStmt></Document>""".encode("latin-1")

HONG_KONG = f"""<Document xmlns="{NS.format("08")}"><BkToCstmrStmt>
<GrpHdr><MsgId>HK1</MsgId><CreDtTm>2026-06-01T23:59:59+08:00</CreDtTm></GrpHdr>
<Stmt><Id>CNH 2026/06/01</Id><StmtPgntn><PgNb>1</PgNb><LastPgInd>true</LastPgInd></StmtPgntn>
<LglSeqNb>7</LglSeqNb>
<FrToDt><FrDtTm>2026-06-01T00:00:00+08:00</FrDtTm><ToDtTm>2026-06-01T23:59:59+08:00</ToDtTm></FrToDt>
<Acct><Id><Othr><Id>012-345678-901</Id></Othr></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">0</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Dt><Dt>2026-06-01</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">20.00</Amt><CdtDbtInd>DBIT</CdtDbtInd>
<Dt><DtTm>2026-06-01T23:59:59+08:00</DtTm></Dt></Bal>
<Ntry><NtryRef>0001</NtryRef><Amt Ccy="CNY">0.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Sts><Cd>BOOK</Cd></Sts><BkTxCd/></Ntry>
<Ntry><NtryRef>0002</NtryRef><Amt Ccy="CNY">100.00</Amt><CdtDbtInd>DBIT</CdtDbtInd>
<RvslInd>true</RvslInd>
<Sts><Cd>BOOK</Cd></Sts><ValDt><Dt>2026-06-01</Dt></ValDt><BkTxCd><Prtry><Cd>RTR</Cd></Prtry></BkTxCd></Ntry>
<Ntry><NtryRef>0003</NtryRef><Amt Ccy="CNY">80.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Sts><Prtry>BOOK</Prtry></Sts>
<BkTxCd/></Ntry>
<Ntry><NtryRef>0004</NtryRef><Amt Ccy="CNY">80.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Sts><Cd>BOOK</Cd></Sts><BkTxCd/>
<NtryDtls><Btch><NbOfTxs>3</NbOfTxs></Btch></NtryDtls></Ntry>
</Stmt></BkToCstmrStmt></Document>""".encode()

AMERICAN = f"""<Document xmlns="{NS.format("08")}"><BkToCstmrStmt>
<GrpHdr><MsgId>US1</MsgId><CreDtTm>2026-06-02T05:00:00</CreDtTm></GrpHdr>
<Stmt><Id>US-20260601</Id><Acct><Id><Othr><Id>000123456789</Id></Othr></Id><Ccy>USD</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="USD">10</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Dt><Dt>2026-06-01</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="USD">25</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Dt><Dt>2026-06-01</Dt></Dt></Bal>
<Ntry><Amt Ccy="USD">15</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><DtTm>2026-06-01T14:03:00</DtTm></BookgDt><BkTxCd><Prtry><Cd>195</Cd><Issr>BAI</Issr></Prtry></BkTxCd>
<NtryDtls><TxDtls><Refs><AcctSvcrRef>IMAD 1 Ümlaut</AcctSvcrRef></Refs>
<RltdPties><Dbtr><Pty><Nm>LAB LLC</Nm></Pty></Dbtr></RltdPties></TxDtls></NtryDtls>
<AddtlNtryInf>WIRE IN OBI=TOP UP JP-SRNYUMR2 28 ORG=LAB LLC</AddtlNtryInf></Ntry>
</Stmt></BkToCstmrStmt></Document>""".encode()


def test_a_german_bank_lists_the_parts_of_a_batch_and_books_its_charge_with_the_payment() -> None:
    [found] = camt.read_statements(GERMAN)

    assert (found.number, found.opening, found.closing) == (104, Decimal(1000), Decimal("1093.50"))
    assert [(line.reference, line.amount) for line in found.lines] == [
        ("2026060112345678000/1", Decimal(100)),
        ("2026060112345678000/2", Decimal(50)),
        ("3000/0352C5320260601/2", Decimal(-50)),
        ("3000/0352C5320260601/2/charges", Decimal("-6.50")),
    ]
    first, second, paid, charge = found.lines
    assert (first.counterparty, first.end_to_end_id) == ("Müller GmbH", "")
    assert (
        references.find_wallet_ids(first.remittance) == [7] == references.find_wallet_ids(second.remittance)
    )
    assert paid.end_to_end_id == "0197AA00000070008000000000000001"
    assert charge.code == "CHRG"


def test_a_bank_in_hong_kong_says_yuan_numbers_its_entries_and_batches_without_parts() -> None:
    [found] = camt.read_statements(HONG_KONG)

    assert (found.number_of_account, found.currency, found.number) == ("012345678901", "CNY", 7)
    assert found.closing == Decimal(-20)
    reversal, batch = found.lines
    assert (reversal.is_reversal, reversal.amount, reversal.bank_code) == (True, Decimal(-100), "RTR")
    assert reversal.reference == "-901/CNH 2026/06/01/0002"
    assert (batch.amount, batch.trouble) == (Decimal(80), "BATCH_UNCLEAR")


def test_an_american_bank_writes_everything_into_one_line() -> None:
    [line] = camt.read_statements(AMERICAN)[0].lines

    assert (line.reference, line.bank_code, line.counterparty) == ("IMAD 1 mlaut", "195", "LAB LLC")
    assert references.find_wallet_ids(line.remittance) == [7]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no XML"),
        (b"<x/>", "Only camt.053"),
        (write(Sheet()).replace(b"001.08", b"001.03"), "Only camt.053"),
        (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + write(Sheet())[38:], "document type"),
        (write(Sheet()).replace(b"<Stmt>", b"<Stmt><Surprise/>"), "no camt.053.001.08"),
        (write(Sheet()).replace(b"CLBD", b"CLAV"), "no balance CLBD"),
        (write(Sheet(entries=[Entry("1", ref="A")])).replace(b'"USD">1<', b'"EUR">1<'), "mixes currencies"),
        (write(Sheet(entries=[Entry("x1"[1:], ref="A")])).replace(b">1<", b">one<"), "no camt.053.001.08"),
        (write(Sheet(entries=[Entry("1", ref="A"), Entry("2", ref="A")])), "the reference A"),
        (b"<a>" * 50 + b"</a>" * 50, "deeper"),
    ],
)
def test_what_is_no_statement_is_refused_with_the_reason(content: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        camt.read_statements(content)


def test_a_reference_finds_its_wallet_and_a_slip_finds_none() -> None:
    for wallet in (1, 2, 7, 10_000_019, references.SPACE - 1):
        for text in (
            references.make_reference(wallet_id=wallet),
            references.make_creditor_reference(wallet_id=wallet),
        ):
            assert references.find_wallet_ids(f"inv {' '.join(text.lower())}.") == [wallet]
    good = references.make_reference(wallet_id=7)
    slips = {good[:3] + good[4] + good[3] + good[5:], good[:-1] + "9", good.replace("S", "T", 1)}
    assert all(7 not in references.find_wallet_ids(slip) for slip in slips - {good})
    with pytest.raises(ValueError, match="no wallet"):
        references.make_reference(wallet_id=0)

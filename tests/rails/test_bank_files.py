"""Bank files: what the schema takes, with sums and ids to follow, and what the bank answers."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.rails import schemas
from billing.rails.bank_accounts import check_account, is_cnaps, is_routing_number
from billing.rails.bank_file import BankFileRail, name_message
from billing.rails.protocol import (
    CannotInstruct,
    DetailRefused,
    FileInstruction,
    PaymentOrder,
    Step,
    Unreadable,
    find_payout_uid,
    name_payout,
)
from tests.rails.orders import DETAILS, HONG_KONG, MADE, make_order

RAIL = BankFileRail()
SPACE = {"p": schemas.PAYMENTS.namespace}


def prepare(orders: Sequence[PaymentOrder], **payer: str) -> FileInstruction:
    [made] = RAIL.prepare(orders, payer=HONG_KONG | payer, now=MADE)
    assert isinstance(made, FileInstruction)
    return made


def read(file: FileInstruction, path: str) -> list[str]:
    schemas.load_schema(schemas.PAYMENTS).validate(file.content.decode())
    found = ET.fromstring(file.content).iterfind(f".//{path}", SPACE)  # noqa: S314 - our own
    return [element.text or "" for element in found]


@pytest.mark.parametrize(
    ("currency", "country", "written"),
    [
        ("EUR", "DE", "EUR"),
        ("USD", "US", "USD"),
        ("USD", "SG", "USD"),
        ("HKD", "HK", "HKD"),
        ("CNY", "CN", "CNY"),
        ("CNH", "HK", "CNY"),
    ],
)
def test_each_currency_makes_a_valid_file(currency: str, country: str, written: str) -> None:
    file = prepare(
        [make_order(1, currency=currency, country=country), make_order(2, currency=currency, country=country)]
    )

    amounts = ET.fromstring(file.content).iterfind(".//p:InstdAmt", SPACE)  # noqa: S314
    assert [amount.get("Ccy") for amount in amounts] == [written, written]
    assert read(file, "p:CtrlSum") == ["200.00", "200.00"]
    assert read(file, "p:NbOfTxs") == ["2", "2"]
    assert [find_payout_uid(name) for name in read(file, "p:EndToEndId")] == list(file.payouts)
    assert file.total == Decimal(200)


def test_offshore_renminbi_says_where_it_is_settled() -> None:
    offshore = prepare([make_order(currency="CNH", country="HK")])
    onshore = prepare([make_order(currency="CNY", country="CN")])

    assert read(offshore, "p:LclInstrm/p:Prtry") == ["RMBCHATS"]
    assert read(offshore, "p:CdtrAgt//p:ClrSysId/p:Cd") == ["HKNCC"]
    assert read(onshore, "p:LclInstrm/p:Prtry") == []
    assert read(onshore, "p:CdtrAgt//p:ClrSysId/p:Cd") == ["CNAPS"]


def test_renminbi_across_the_border_names_its_purpose_as_configured() -> None:
    order = make_order(currency="CNY", country="CN")

    assert read(prepare([order]), "p:Purp/p:Prtry") == ["CSTRDR"]
    assert read(prepare([order]), "p:RgltryRptg/p:Dtls/p:Cd") == ["227020"]
    assert read(prepare([order], purpose="COCADR", bop_code="227030"), "p:Purp/p:Prtry") == ["COCADR"]
    mainland = {"bank_code": "", "country": "CN"} | DETAILS["CN"]
    assert read(prepare([order], **mainland), "p:Purp/p:Prtry") == []


def test_the_same_payouts_make_the_same_bytes_in_whatever_order() -> None:
    orders = [make_order(number) for number in (3, 1, 2)]

    first, again = prepare(orders), prepare(orders[::-1])

    assert (first.content, first.sha256, first.name) == (again.content, again.sha256, again.name)
    assert prepare([*orders, make_order(4)]).name != first.name


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.decimals("0.01", "99999999999.99", places=2),
            st.text("ABC xyz09/-?:().,'+", min_size=1, max_size=140),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_amounts_and_names_that_pass_make_a_file_that_says_just_that(
    payments: list[tuple[Decimal, str]],
) -> None:
    orders = []
    for number, (amount, name) in enumerate(payments):
        try:
            details = check_account(DETAILS["DE"] | {"name": name}, country="DE")
        except DetailRefused:
            continue
        orders.append(replace(make_order(number), amount=amount, details=details.values))
    if not orders:
        return

    file = prepare(orders)

    assert [Decimal(text) for text in read(file, "p:InstdAmt")] == [order.amount for order in orders]
    assert read(file, "p:Cdtr/p:Nm") == [order.details["name"] for order in orders]
    assert {Decimal(text) for text in read(file, "p:CtrlSum")} == {file.total}
    assert file.total == sum(order.amount for order in orders)


@pytest.mark.parametrize(
    ("country", "field", "value"),
    [
        ("DE", "iban", "DE88370400440532013000"),
        ("DE", "iban", "GB82WEST12345698765432"),
        ("DE", "iban", ""),
        ("DE", "bic", "COBADEF"),
        ("DE", "bic", "BARCGB22XXX"),
        ("DE", "name", "Müller & Söhne"),
        ("DE", "name", "x" * 141),
        ("DE", "name", "海南"),
        ("DE", "city", "//"),
        ("CN", "cnaps", "102100099997"),
        ("CN", "cnaps", "10210009999"),
        ("CN", "account", "1234567"),
        ("CN", "name", "太阳\u0000"),
        ("HK", "bank_code", "04"),
        ("HK", "account", "1234-5678"),
        ("US", "routing", "021000022"),
        ("US", "account", "12a4"),
        ("SG", "bic", ""),
        ("SG", "account", "€"),
    ],
)
def test_a_wrong_detail_is_refused_by_its_name(country: str, field: str, value: str) -> None:
    with pytest.raises(DetailRefused) as refused:
        RAIL.validate(DETAILS[country] | {field: value}, currency="EUR", country=country)

    assert refused.value.field == field


def test_one_account_in_two_spellings_is_one() -> None:
    spaced = DETAILS["DE"] | {"iban": "de89 3704 0044 0532 0130 00", "name": "Other name"}

    plain = RAIL.validate(DETAILS["DE"], currency="EUR", country="DE")

    assert RAIL.validate(spaced, currency="EUR", country="DE").identity == plain.identity
    assert plain.hint == "Sol GmbH …3000"
    assert RAIL.validate(DETAILS["DE"] | {"bic": ""}, currency="EUR", country="DE").values == plain.values


@pytest.mark.parametrize("code", ["102100099996", "104100000004", "308584000013", "403100000004"])
def test_codes_of_chinese_banks_in_use_are_right_and_their_neighbours_are_not(code: str) -> None:
    assert is_cnaps(code)
    assert not any(is_cnaps(code[:-1] + digit) for digit in "0123456789" if digit != code[-1])
    assert is_routing_number("021000021")


@pytest.mark.parametrize(
    ("orders", "payer"),
    [
        ([], {}),
        ([make_order(1), make_order(1)], {}),
        ([make_order(1), make_order(2, currency="USD")], {}),
        ([make_order(amount="1.001")], {}),
        ([make_order(amount="0")], {}),
        ([make_order()], {"account": "1"}),
    ],
)
def test_what_cannot_be_paid_makes_no_file(orders: list[PaymentOrder], payer: dict[str, str]) -> None:
    with pytest.raises(CannotInstruct):
        prepare(orders, **payer)


def answer(message: str, *, group: str = "", payments: dict[UUID, str] | None = None) -> bytes:
    rows = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{name_payout(uid)}</OrgnlEndToEndId><TxSts>{status}</TxSts>"
        "<StsRsnInf><Rsn><Cd>AC01</Cd></Rsn><AddtlInf>Account unknown</AddtlInf></StsRsnInf></TxInfAndSts>"
        for uid, status in (payments or {}).items()
    )
    block = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{message}</OrgnlPmtInfId>{rows}</OrgnlPmtInfAndSts>"
    return (
        f'<?xml version="1.0"?><Document xmlns="{schemas.ANSWERS.namespace}"><CstmrPmtStsRpt><GrpHdr>'
        "<MsgId>A1</MsgId><CreDtTm>2026-05-05T09:00:00+08:00</CreDtTm></GrpHdr><OrgnlGrpInfAndSts>"
        f"<OrgnlMsgId>{message}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>"
        + (f"<GrpSts>{group}</GrpSts>" if group else "")
        + f"</OrgnlGrpInfAndSts>{block if payments else ''}</CstmrPmtStsRpt></Document>"
    ).encode()


ORDERS = [make_order(number) for number in (1, 2, 3)]
MESSAGE = name_message(ORDERS)


def confirm(content: bytes) -> list[tuple[int, Step, str]]:
    news = RAIL.confirm(content, name=f"{MESSAGE}.xml", orders=ORDERS, payer=HONG_KONG)
    return [(one.payout_uid.int, one.step, one.reason) for one in news]


def test_a_bank_answers_for_each_payment() -> None:
    taken = answer(MESSAGE, group="PART", payments={UUID(int=1): "ACSP", UUID(int=2): "RJCT"})

    assert confirm(taken) == [(1, Step.ACCEPTED, ""), (2, Step.REFUSED, "RJCT AC01: Account unknown")]


def test_a_bank_refuses_the_whole_file_or_all_but_one_payment() -> None:
    assert confirm(answer(MESSAGE, group="RJCT")) == [(number, Step.REFUSED, "RJCT") for number in (1, 2, 3)]
    mixed = confirm(answer(MESSAGE, group="ACTC", payments={UUID(int=2): "RJCT"}))
    assert [step for _, step, _ in mixed] == [Step.ACCEPTED, Step.REFUSED, Step.ACCEPTED]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"<Document/>",
        answer("ANOTHER", group="ACTC"),
        answer(MESSAGE, payments={UUID(int=9): "ACSP"}),
        b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/hosts">]>' + answer(MESSAGE, group="ACTC")[21:],
        answer(MESSAGE, group="ACTC")[:-20],
    ],
)
def test_what_is_no_answer_to_the_file_changes_nothing(content: bytes) -> None:
    with pytest.raises(Unreadable):
        confirm(content)

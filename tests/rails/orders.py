"""Payments and payers that tests of rails play with."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from billing.rails.protocol import PaymentOrder

MADE = datetime(2026, 5, 4, 12, tzinfo=UTC)
TOKEN = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
SAFE = "0x52908400098527886E0F7030069857D2E4169EE7"
ALICE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
BOB = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
DETAILS = {
    "DE": {"name": "Sol GmbH", "city": "Berlin", "iban": "DE89370400440532013000", "bic": "COBADEFFXXX"},
    "HK": {"name": "Fund Ltd", "city": "Hong Kong", "bank_code": "004", "account": "123456789012"},
    "CN": {
        "name": "海南太阳能源有限公司",
        "city": "海口",
        "cnaps": "102100099996",
        "bank": "中国工商银行",
        "account": "6222021234567890123",
    },
    "US": {"name": "Sun Inc", "city": "Reno", "routing": "021000021", "account": "123456789"},
    "SG": {"name": "Sea Pte", "city": "Singapore", "account": "0123456789", "bic": "DBSSSGSGXXX"},
}
HONG_KONG = {
    "country": "HK",
    "name": "Jouleport HK Ltd",
    "city": "Hong Kong",
    "bank_code": "004",
    "account": "987654321012",
}
CHAIN = {"chain_id": "8453", "token": TOKEN, "safe": SAFE}


def make_order(
    number: int = 1,
    *,
    amount: str = "100.00",
    currency: str = "EUR",
    country: str = "DE",
    details: dict[str, str] | None = None,
) -> PaymentOrder:
    """A payout of a small number."""
    return PaymentOrder(
        payout_uid=UUID(int=number),
        amount=Decimal(amount),
        currency=currency,
        country=country,
        details=details or DETAILS[country],
        reference=f"Jouleport payout {number}",
    )

"""The platform's accounts at banks: opened and closed by operators, shown to whoever pays by transfer."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

from accounts import audit
from accounts.audit import Actor
from billing.banking import references
from billing.models import BankAccount, BookingEntity, Currency, LedgerAccount
from billing.wallets import Wallet
from core import ids
from core.errors import DomainError, Invalid, NotFound

FILE_CURRENCIES = {"CNH": "CNY"}
"""What statements call a currency without a code of its own in ISO 4217: renminbi in Hong Kong."""
NUMBER = re.compile(r"[A-Z0-9]{4,34}")
LOOKS_LIKE_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}")
WITHOUT_BANK = frozenset({"XTS", "USDC"})


class NoBankAccount(NotFound):
    """Transfers in this currency reach no account of the platform."""

    code = "no_bank_account"


class AccountKnown(DomainError):
    """The account is kept already."""

    code = "bank_account_known"
    message = "This account is known already."


@dataclass(frozen=True, slots=True)
class Deposit:
    """Where to send a transfer, and what to write into it."""

    currency: str
    holder: str
    bank: str
    number: str
    bic: str
    reference: str
    creditor_reference: str


def open_account(
    *,
    currency: str,
    number: str,
    bank: str,
    holder: str,
    actor: Actor,
    now: datetime,
    bic: str = "",
    entity: str = "HK",
    fee_codes: tuple[str, ...] = (),
) -> BankAccount:
    """
    Keep an account; its statements can be read from here on.

    :raises core.errors.Invalid: if number, BIC, currency or entity cannot be right
    :raises AccountKnown: if the account is kept already
    """
    if currency in WITHOUT_BANK or not Currency.objects.filter(code=currency).exists():
        raise Invalid(f"No bank keeps accounts in {currency}.", field="currency")
    if not BookingEntity.objects.filter(code=entity).exists():
        raise Invalid("There is no such entity.", field="entity")
    if not bank.strip() or not holder.strip():
        raise Invalid("Name the bank and the holder of the account.", field="bank")
    try:
        with transaction.atomic():
            account = BankAccount.objects.create(
                uid=ids.make_uid(),
                currency=currency,
                entity=entity,
                number=check_number(number),
                bic=_check_bic(bic),
                bank=bank.strip(),
                holder=holder.strip(),
                fee_codes=list(fee_codes),
                opened_at=now,
            )
            _record(account, "bank_account.open", actor=actor, now=now)
    except IntegrityError as error:
        if "bank_account_number_currency_key" in str(error):
            raise AccountKnown from error
        raise
    return account


def close_account(*, account: BankAccount, actor: Actor, now: datetime) -> None:
    """Take no more statements of it, and show it to nobody who pays; a repeat changes nothing."""
    with transaction.atomic():
        if BankAccount.objects.filter(pk=account.pk, closed_at=None).update(closed_at=now):
            _record(account, "bank_account.close", actor=actor, now=now)


def find_deposit(*, wallet: Wallet) -> Deposit:
    """
    How to pay into a wallet by bank transfer: to our newest open account in its currency and its books.

    :raises NoBankAccount: if there is none
    """
    entity = LedgerAccount.objects.values_list("entity", flat=True).get(pk=wallet.account_id)
    account = (
        BankAccount.objects.filter(currency=wallet.currency, entity=entity, closed_at=None)
        .order_by("-id")
        .first()
    )
    if account is None:
        raise NoBankAccount(f"We have no bank account for {wallet.currency} yet.")
    return Deposit(
        currency=wallet.currency,
        holder=account.holder,
        bank=account.bank,
        number=account.number,
        bic=account.bic,
        reference=references.make_reference(wallet_id=wallet.id),
        creditor_reference=references.make_creditor_reference(wallet_id=wallet.id),
    )


def check_number(number: str) -> str:
    """
    An account's number in one spelling; one that looks like an IBAN has to be right.

    :raises core.errors.Invalid: if it is none
    """
    plain = re.sub(r"[\s-]", "", number).upper()
    if not NUMBER.fullmatch(plain):
        raise Invalid("An account number has 4 to 34 letters and digits.", field="number")
    if LOOKS_LIKE_IBAN.match(plain):
        try:
            IBAN(plain)
        except SchwiftyException as error:
            raise Invalid(f"This is no IBAN: {error}.", field="number") from error
    return plain


def _check_bic(text: str) -> str:
    if not text.strip():
        return ""
    try:
        return str(BIC(text).compact)
    except SchwiftyException as error:
        raise Invalid(f"This is no BIC: {error}.", field="bic") from error


def _record(account: BankAccount, action: str, *, actor: Actor, now: datetime) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="bank_account",
        subject_uid=account.uid,
        organization=None,
        now=now,
        details={"number": account.masked, "currency": account.currency, "bank": account.bank},
    )

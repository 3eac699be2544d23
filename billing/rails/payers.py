"""The account that a rail pays from: what operators entered for banks, the settings' chain for USDC."""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from billing.models import PayerAccount
from billing.rails.bank_accounts import check_account
from billing.rails.bank_file import CURRENCIES
from billing.rails.protocol import CannotInstruct, DetailRefused, PayeeDetails, require_detail

OPTIONAL = ("purpose", "bop_code")
"""Of what a payment into mainland China is for, where it is not trade in computer services."""


def find_payer(*, rail: str, currency: str) -> dict[str, str]:
    """
    What a file says of who pays; nothing on rails where the person who pays knows.

    :raises billing.rails.protocol.CannotInstruct: if a bank file is wanted and no account was entered
    """
    if rail == "usdc":
        return {
            "chain_id": str(settings.CHAIN_ID or ""),
            "token": settings.CHAIN_TOKEN,
            "safe": settings.CHAIN_SAFE,
        }
    if rail != "bank_file":
        return {}
    found = PayerAccount.objects.filter(rail=rail, currency=currency).first()
    if found is None:
        raise CannotInstruct(f"No account to pay {currency} from was entered.")
    return dict(found.details)


def check_payer(*, currency: str, details: Mapping[str, str]) -> PayeeDetails:
    """
    Check an account to pay from; its `country` is among the details.

    :raises billing.rails.protocol.DetailRefused: naming the detail that is missing or wrong
    """
    if currency not in CURRENCIES:
        raise DetailRefused("Bank files carry no such currency.", field="currency")
    return check_account(details, country=require_detail(details, "country"))


def set_payer(
    *, currency: str, country: str, details: Mapping[str, str], actor: Actor, now: datetime
) -> PayerAccount:
    """
    Enter the bank account that a currency is paid from; files that were made keep theirs.

    :raises billing.rails.protocol.DetailRefused: naming the detail that is missing or wrong
    """
    checked = check_payer(currency=currency, details={**details, "country": country})
    more = {key: details[key].strip() for key in OPTIONAL if details.get(key, "").strip()}
    with transaction.atomic():
        made, _ = PayerAccount.objects.update_or_create(
            rail="bank_file",
            currency=currency,
            defaults={"details": {**checked.values, **more, "country": country}, "changed_at": now},
        )
        audit.record_event(
            actor=actor,
            action="payer_account.set",
            subject_kind="payer_account",
            subject_uid=None,
            organization=None,
            now=now,
            details={"currency": currency, "country": country, "hint": checked.hint},
        )
    return made

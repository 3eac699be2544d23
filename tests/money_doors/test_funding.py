"""Every listed currency can be funded: by Stripe where it is offered, by bank transfer, or on chain."""

import os
from decimal import Decimal

import pytest

from accounts import audit, organizations
from accounts.models import Organization
from billing import verification, wallet_opening, wallets
from billing.banking import accounts, booking
from billing.models import BankLine, Currency, StripeTerms
from billing.rails.chain import deposits
from core.money import TEST_CURRENCY
from tests.banking.conftest import make_counter, refer
from tests.banking.files import IBAN, Entry, Sheet
from tests.cast import NOW
from tests.databases import Database
from tests.rails.chains import run_chain
from tests.rails.orders import ALICE, SAFE
from tests.stripe import scene

pytestmark = pytest.mark.sql
LONG = os.environ.get("PROOF") == "long"
ON_CHAIN, OFFSHORE = "USDC", "DE02120300000000202051"


def read_wallets(organization: Organization) -> dict[str, Decimal]:
    found = wallets.list_wallets(organization_id=organization.pk)
    return {wallet.currency: wallet.posted.amount for wallet in found}


def pick(exponents: dict[str, int]) -> set[str]:
    """All in the long form; in the short one each kind that is treated in a way of its own."""
    by_exponent = {exponents[code]: code for code in sorted(exponents)}
    return set(exponents) if LONG else {"USD", "CNY", "CNH", ON_CHAIN, *by_exponent.values()}


def test_money_reaches_a_wallet_in_every_listed_currency(db: Database, lab: Organization) -> None:
    listed = pick(dict(Currency.objects.exclude(code=TEST_CURRENCY).values_list("code", "exponent")))
    by_bank = sorted(listed - {ON_CHAIN})
    counter = make_counter()
    sheets = []
    for one in by_bank:
        number = OFFSHORE if one == "CNH" else IBAN
        if one != "USD":
            accounts.open_account(
                currency=one, number=number, bank="Bank", holder="Ltd", actor=audit.SYSTEM, now=NOW
            )
        entries = [Entry("7", ref=one, text=refer(lab, one))]
        # A bank writes CNY of an account of offshore renminbi.
        written = accounts.FILE_CURRENCIES.get(one, one)
        sheets.append(Sheet(name=f"S-{one}", currency=written, account=number, entries=entries))

    taken = counter.hand_in(*sheets)
    while BankLine.objects.filter(state="NEW").exists():
        booking.book_new_lines(now=NOW)
    with run_chain() as chain:
        deposits.add_addresses(addresses=[ALICE], actor=audit.SYSTEM, now=NOW)
        address = deposits.assign_address(organization=lab, actor=audit.SYSTEM, now=NOW)
        chain.call("transfer", SAFE, address, 7_000_000)
        chain.call("mine", 3)
        deposits.follow_chain(reader=chain.reader, confirmations=3, now=NOW)

    assert (taken.state, taken.refusal) == ("READ", "")
    assert read_wallets(lab) == dict.fromkeys(listed, Decimal(7))
    assert verification.verify() == []


def test_stripe_credits_the_least_of_every_currency_that_it_is_offered_in(db: Database) -> None:
    offered = StripeTerms.objects.order_by("currency")
    for number, terms in enumerate(offered if LONG else offered[::6]):
        payer = organizations.create_organization(name=f"Lab {number}", country="SE", now=NOW)

        scene.pay(payer, f"{terms.least:f}", currency=terms.currency, number=number)

        assert read_wallets(payer) == {terms.currency: terms.least}
        assert terms.currency in wallet_opening.list_currencies(now=NOW)
    assert verification.verify() == []

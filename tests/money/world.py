"""
A small exchange with money in several currencies, and everything that may be done with it.

Deeds go through the services that pages and tasks call, or the SQL that the data plane calls. What others say
(Stripe, a bank, a chain) is told at the boundary of the service: as facts, as a statement, as blocks.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

import psycopg
from django.db import connection

from accounts import audit, organizations
from accounts.audit import SYSTEM, Actor
from accounts.models import Organization
from billing import approvals, bookings, claims, ledger, wallets
from billing.banking import accounts as bank_accounts
from billing.banking import assignment, booking, files
from billing.banking.assignment import Choice
from billing.banking.matching import Target
from billing.bookings import Bearer
from billing.closing import periods
from billing.compliance import freezes
from billing.fx import conversions, positions, quotes, rates
from billing.models import (
    AccountingPeriod,
    BankLine,
    Entry,
    Freeze,
    FxConversion,
    LedgerAccount,
    SettlementBatch,
    StripeRefund,
    StripeTopUp,
    TopUpMethod,
)
from billing.rails.chain import deposits
from billing.rails.chain.reader import Transfer
from billing.settlement import batches
from billing.stripe import disputes, movements, payments, refunds, top_ups
from billing.stripe.facts import DisputeFacts, Movement, Payment, RefundFacts
from core.money import Money
from tests import databases
from tests.banking.files import IBAN, Sheet, write
from tests.banking.files import Entry as Line
from tests.billing import exchange as ex
from tests.billing.people import make_key
from tests.cast import NOW
from tests.rails.orders import ALICE, BOB
from tests.settlement import settling

TOKEN = Decimal("0.002")
PENDING_FOR = timedelta(days=2)
CNH_MID, CNH_RATE = Decimal("0.16"), Decimal("0.1608")
"""What a CNH costs a job that is paid in dollars; conversions have rates of their own."""
MUCH = Decimal(100_000)
_numbers = count(1)


@dataclass
class Blocks:
    """A chain of one block for each transfer."""

    chain_id: int = 31337
    found: list[Transfer] = field(default_factory=list)

    def find_head(self) -> int:
        """The newest block."""
        return len(self.found)

    def list_transfers(self, *, from_block: int, to_block: int, recipients: Sequence[str]) -> list[Transfer]:
        """Transfers to these addresses."""
        return [
            one
            for one in self.found
            if from_block <= one.block_number <= to_block and one.recipient in recipients
        ]

    def list_transfers_of(self, tx_hash: str) -> list[Transfer]:
        """Transfers of one transaction."""
        return [one for one in self.found if one.tx_hash == tx_hash]

    def find_receipt(self, tx_hash: str) -> Mapping[str, Any] | None:
        """Nobody here is paid on the chain."""
        raise NotImplementedError

    def sum_balances(self, *, holders: Sequence[str], at_block: int) -> int:
        """Nobody here compares."""
        raise NotImplementedError

    def add(self, recipient: str, units: int) -> None:
        """A transfer in a block of its own."""
        number = len(self.found) + 1
        self.found.append(
            Transfer(f"0x{number:064x}", 0, number, f"0x{number + 2**64:064x}", BOB, recipient, units)
        )


@dataclass
class World:
    """Two buyers, two providers who sell in dollars and in CNH, two operators, a bank and a chain."""

    db: databases.Database
    app: psycopg.Connection[Any]
    desk: settling.Desk
    lab: Organization
    fund: Organization
    farm: ex.Seller
    hall: ex.Seller
    keys: dict[int, int]
    chain: Blocks = field(default_factory=Blocks)
    bank_balance: Decimal = Decimal(0)
    statements: int = 0

    @property
    def ann(self) -> Actor:
        """Who prepares."""
        return self.desk.ann

    # --- money in ---------------------------------------------------------------------------------

    def top_up(
        self, owner: Organization, currency: str, amount: Decimal, reference: str, at: datetime, now: datetime
    ) -> ledger.Posted:
        """An operator books a transfer."""
        return bookings.book_top_up(
            organization=owner,
            amount=Money(amount, currency),
            bank_reference=reference,
            actor=self.ann,
            happened_at=at,
            now=now,
        )

    def reverse(self, entry_id: int, now: datetime) -> ledger.Posted:
        """Two people undo a top-up."""
        entry = Entry.objects.get(pk=entry_id)
        asked = bookings.prepare_reversal(entry=entry, reason="Twice.", actor=self.ann, now=now)
        if asked.state == "PENDING":
            approvals.approve(approval=asked, sha256=asked.sha256, actor=self.desk.bob, now=now)
        return bookings.reverse_entry(entry=entry, reason="Twice.", actor=self.ann, now=now)

    def ask_card(self, owner: Organization, amount: Decimal, now: datetime) -> StripeTopUp:
        """Somebody wants to pay by card."""
        wish = top_ups.Wish(Money(amount, "USD"), TopUpMethod.CARD)
        return top_ups.request(organization=owner, wish=wish, actor=audit.SYSTEM, now=now)

    def pay_card(self, top_up: StripeTopUp, *, risk: str, fee: Decimal, now: datetime) -> None:
        """Stripe says that it was paid, and what that moved."""
        payment = Payment(
            f"pi_{top_up.uid}",
            "succeeded",
            top_up.amount,
            "USD",
            top_up_uid=str(top_up.uid),
            charge_id=f"ch_{top_up.uid}",
            risk_level=risk,
        )
        payments.apply(top_up=top_up, payment=payment, now=now)
        subject = movements.Subject("STRIPE_PENDING", None, "USD", top_up.amount)
        movements.write(
            movement=move("charge", f"ch_{top_up.uid}", top_up.amount, fee, now), subject=subject, now=now
        )

    def say_stripe_fee(self, fee: Decimal, now: datetime) -> None:
        """Stripe says what it took of us for its services."""
        subject = movements.Subject("STRIPE_FEE", None, "USD", -fee)
        movements.write(movement=move("fee", name(), -fee, Decimal(0), now), subject=subject, now=now)

    def ask_back(self, top_up: StripeTopUp, amount: Decimal, now: datetime) -> StripeRefund:
        """A buyer wants unused money back."""
        return refunds.request(top_up=top_up, amount=amount, reason="unused", actor=self.ann, now=now)

    def end_refund(self, refund: StripeRefund, *, arrives: bool, now: datetime) -> None:
        """Stripe says what became of it."""
        status = "succeeded" if arrives else "failed"
        refunds.note(refund=refund, found=RefundFacts(f"re_{refund.uid}", status, None, ""), now=now)
        if arrives:
            subject = movements.Subject(
                "REFUND_IN_TRANSIT", refund.top_up.organization_id, "USD", refund.amount
            )
            told = move("refund", f"re_{refund.uid}", -refund.amount, Decimal(0), now)
            movements.write(movement=told, subject=subject, now=now)

    def contest(self, top_up: StripeTopUp, amount: Decimal, status: str, now: datetime) -> None:
        """A payer's bank contests a payment, and decides."""
        found = DisputeFacts(
            id=f"dp_{top_up.uid}",
            status=status,
            charge_id=str(top_up.charge_id),
            intent_id=top_up.payment_intent_id,
            amount=amount,
            currency="USD",
            reason="fraudulent",
            opened_at=now,
        )
        disputes.apply(top_up=top_up, found=found, now=now)
        subject = movements.Subject("DISPUTE_RECEIVABLE", None, "USD", amount)
        if status == "needs_response":
            told = move("dispute", found.id, -amount, Decimal(15), now)
            movements.write(movement=told, subject=subject, now=now)
        elif status == "won":
            told = move("dispute_reversal", found.id, amount, Decimal(0), now)
            movements.write(movement=told, subject=subject, now=now)

    def tell_bank(self, lines: Sequence[Line], day: date, now: datetime) -> None:
        """A statement of the bank with these lines."""
        self.statements += 1
        sheet = Sheet(
            f"S{self.statements}",
            number=self.statements,
            day=day.isoformat(),
            opening=f"{self.bank_balance:f}",
            entries=list(lines),
        )
        files.receive(content=write(sheet), actor=self.ann, now=now)
        self.bank_balance = sheet.end
        booking.book_new_lines(now=now)

    def say_line(self, reference: str, owner: Organization, now: datetime) -> None:
        """Two people say whose a line in suspense is."""
        line = BankLine.objects.get(reference=reference)
        choice = Choice(Target.WALLET, owner.uid)
        asked = assignment.prepare(line=line, choice=choice, reason="They called.", actor=self.ann, now=now)
        approvals.approve(approval=asked, sha256=asked.sha256, actor=self.desk.bob, now=now)

    def read_chain(self, now: datetime) -> deposits.Pass:
        """Read the chain; every block is deep enough."""
        return deposits.follow_chain(reader=self.chain, confirmations=1, now=now)

    # --- money across -----------------------------------------------------------------------------

    def say_rate(self, currency: str, dollars: Decimal, now: datetime) -> None:
        """An operator says what one of a currency is worth."""
        rates.enter_rate(unit=currency, currency="USD", rate=dollars, as_of=now, actor=self.ann, now=now)

    def convert(
        self, owner: Organization, pair: tuple[str, str], now: datetime, **amount: Decimal
    ) -> FxConversion:
        """Exchange the first of a pair for the second: `sell` so much, or `buy` so much."""
        sell, buy = pair
        quote = quotes.make_quote(sell=sell, buy=buy, organization=owner, now=now)
        return conversions.convert(quote=quote, organization=owner, actor=self.ann, now=now, **amount)

    def follow(self) -> None:
        """Number entries and tell positions from them, until nothing is left."""
        for _ in range(2):
            while ledger.sequence_entries():
                pass
            positions.follow_ledger()

    # --- work -------------------------------------------------------------------------------------

    def admit(
        self, owner: Organization, seller: ex.Seller, out_bound: int, app: psycopg.Connection[Any]
    ) -> ex.Row:
        """Admit a job; its row with the verdict."""
        buyer = ex.Buyer(owner.pk, self.keys[owner.pk], 0, 0)
        [row] = ex.admit_items(app, [(buyer, seller)], out_bound=out_bound)
        return row

    def refund_charge(self, usage_id: int, bearer: Bearer, now: datetime) -> ledger.Posted:
        """An operator gives a charge back."""
        return bookings.refund_charge(
            usage_id=usage_id, borne_by=bearer, reason="Bad.", actor=self.ann, now=now
        )

    def credit_charge(self, usage_id: int, amount: Decimal, bearer: Bearer, now: datetime) -> ledger.Posted:
        """A claim about an answer was right in part."""
        return claims.credit_charge(
            usage_id=usage_id, amount=amount, borne_by=bearer, reason="Bad.", actor=self.ann, now=now
        )

    # --- money that stands still ------------------------------------------------------------------

    def freeze(self, purpose: str, owner: int, currency: str, now: datetime) -> Freeze:
        """One person freezes an account."""
        number = ledger.open_account(purpose=purpose, currency=currency, organization_id=owner)
        account = LedgerAccount.objects.get(pk=number)
        return freezes.freeze(account=account, reason="Asked to.", actor=self.ann, now=now)

    def let_go(self, standing: Freeze, to: freezes.Target, now: datetime) -> None:
        """Two people let it go."""
        asked = freezes.prepare_release(standing=standing, to=to, actor=self.ann, now=now)
        approvals.approve(approval=asked, sha256=asked.sha256, actor=self.desk.bob, now=now)
        freezes.release(standing=standing, to=to, actor=self.ann, now=now)

    # --- money out --------------------------------------------------------------------------------

    def draft(self, currency: str, now: datetime) -> SettlementBatch:
        """Draft a settlement of everybody who is owed something in a currency."""
        return batches.draft(
            currency=currency, every=None, entity="HK", ask=self.desk.ask, actor=self.ann, now=now
        )

    def close(self, day: date, now: datetime) -> AccountingPeriod:
        """Two people close the books up to a day."""
        asked = periods.prepare(ends_on=day, actor=self.ann, now=now).approval
        if asked.state == "PENDING":
            approvals.approve(approval=asked, sha256=asked.sha256, actor=self.desk.bob, now=now)
        return periods.close(ends_on=day, actor=self.ann, now=now)


def move(category: str, source: str, amount: Decimal, fee: Decimal, now: datetime) -> Movement:
    """A movement of our account at Stripe, named after its source."""
    return Movement(
        id=f"txn_{category}_{source}",
        type=category,
        category=category,
        source=source,
        currency="USD",
        amount=amount,
        fee=fee,
        net=amount - fee,
        exchange_rate="",
        happened_at=now,
        available_at=now + PENDING_FOR,
        raw={"id": source},
    )


@contextmanager
def open_world(db: databases.Database) -> Iterator[World]:
    """Everybody, and nothing on any account."""
    with db.connect() as app, psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        lab, fund = (
            organizations.create_organization(name=name, country="SE", now=NOW) for name in ("Lab", "Fund")
        )
        farm = ex.make_seller(app, "Farm", input_price="0")
        hall = ex.make_seller(app, "Hall", currency="CNH", slug="other", input_price="0")
        keys = {one.pk: make_key(app, one.pk) for one in (lab, fund)}
        for one, currency in ((lab, "USD"), (lab, "CNH"), (lab, "USDC"), (fund, "USD"), (fund, "USDC")):
            wallets.open_wallet(organization_id=one.pk, currency=currency)
        ex.set_rate(owner, "USD", "CNH", mid=str(CNH_MID), rate=str(CNH_RATE), seconds=86_400)
        made = World(db, app, settling.make_desk(), lab, fund, farm, hall, keys)
        bank_accounts.open_account(
            currency="USD", number=IBAN, bank="Bank", holder="Jouleport Ltd", actor=audit.SYSTEM, now=NOW
        )
        deposits.add_addresses(addresses=[ALICE], actor=SYSTEM, now=NOW)
        deposits.assign_address(organization=lab, actor=SYSTEM, now=NOW)
        made.read_chain(NOW)
        yield made


def hang_up() -> None:
    """Close the thread's connection."""
    if threading.current_thread() is not threading.main_thread():
        connection.close()


def name() -> str:
    """A name that nothing else has."""
    return f"{next(_numbers)}-{uuid4().hex[:8]}"

"""Rules of work that is paid, of frozen money, and of money that goes out to providers."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, initialize, multiple, precondition, rule

from accounts.audit import SYSTEM
from accounts.models import Organization
from billing import approvals
from billing.bookings import Bearer
from billing.models import Payout, SettlementBatch
from billing.settlement import batches, execution, payouts
from billing.settlement.terms import Terms
from core.quantities import round_half_even
from tests.billing import exchange as ex
from tests.money.beside import MoneyBeside
from tests.money.machine import WALLETS
from tests.money.model import LATE, ZERO
from tests.money.world import CNH_MID, CNH_RATE, TOKEN
from tests.settlement.test_machine import Plan, Provider, Sent, reckon

FEE_BPS = 500


@dataclass(slots=True)
class Job:
    """
    Admitted work: what it holds in the wallet's currency, and what that covers in the price's.

    Amounts of its one usage record: `paid` by the wallet, `sold` for it, of which `fee` is ours; `mid` is
    what was sold at the middle rate.
    """

    attempt: int
    owner: int
    seller: ex.Seller
    wallet: str
    price: str
    hold: Decimal
    covers: Decimal
    ended: bool = False
    posted: bool = False
    bearer: Bearer | None = None
    credit: tuple[Decimal, Bearer] | None = None
    usage: int = 0
    paid: Decimal = ZERO
    sold: Decimal = ZERO
    fee: Decimal = ZERO
    mid: Decimal = ZERO

    def use(self, out: int) -> None:
        """What `out` tokens cost, never more than was held."""
        exact, self.ended = TOKEN * out, True
        rate = CNH_RATE if self.price != self.wallet else Decimal(1)
        self.paid = min(round_half_even(exact * rate, 9), self.hold)
        self.sold = min(exact, self.covers) if self.paid else ZERO
        self.fee = round_half_even(self.sold * FEE_BPS / 10_000, 9)
        self.mid = min(self.paid, round_half_even(self.sold * CNH_MID, 9))

    def lines(self) -> dict[Any, Decimal]:
        """The entry that it comes to alone."""
        lines = {
            ("WALLET", self.owner, self.wallet): self.paid,
            ("PAYABLE", self.seller.organization_id, self.price): self.fee - self.sold,
            ("PLATFORM_FEE", None, self.price): -self.fee,
        }
        if self.price != self.wallet:
            lines[("FX_POSITION", None, self.wallet)] = -self.mid
            lines[("FX_SPREAD", None, self.wallet)] = self.mid - self.paid
            lines[("FX_POSITION", None, self.price)] = self.sold
        return lines

    def part(self, amount: Decimal, bearer: Bearer) -> dict[Any, Decimal]:
        """The entry that gives `amount` of it back: each took a part, and loses the same part of that."""
        lines: dict[Any, Decimal] = {("WALLET", self.owner, self.wallet): -amount}
        if bearer == Bearer.PLATFORM:
            return lines | {("SLA_CREDIT", None, self.wallet): amount}
        converted = self.price != self.wallet
        gross, fee, mid = (
            (whole * amount / self.paid).quantize(Decimal("1e-9"), ROUND_HALF_UP)
            for whole in (self.sold if converted else self.paid, self.fee, self.mid)
        )
        lines[("PAYABLE", self.seller.organization_id, self.price)] = gross - fee
        lines[("PLATFORM_FEE", None, self.price)] = fee
        if converted:
            lines[("FX_POSITION", None, self.price)] = -gross
            lines[("FX_POSITION", None, self.wallet)] = mid
            lines[("FX_SPREAD", None, self.wallet)] = amount - mid
        return {account: line for account, line in lines.items() if line}


class Money(MoneyBeside):
    """The whole money side."""

    jobs = Bundle("jobs")
    batch: SettlementBatch | None = None
    agreed: bool = False

    @initialize(target=jobs)
    def begin(self) -> MultipleResults[Job | None]:
        self.open_books()
        self.open_treasury()
        self.queue: list[Job] = []
        self.sent: list[tuple[Sent, int, str]] = []
        # Each provider is owed something, so that not every story has to begin with that.
        self.pay_by_card(which=0, amount=Decimal(30), risky=False, twice=False)
        begun: list[Any] = [self.admit(which=0, abroad=abroad, out_bound=900) for abroad in (False, True)]
        for job in begun:
            self.record(job, out=800)
        self.post_charges()
        return multiple(*begun)

    # --- work -------------------------------------------------------------------------------------

    @rule(target=jobs, which=st.integers(0, 1), abroad=st.booleans(), out_bound=st.integers(1, 1500))
    def admit(self, which: int, abroad: bool, out_bound: int) -> Job | None:
        owner = self.owners[which]
        seller = self.world.hall if abroad else self.world.farm
        price = "CNH" if abroad else "USD"
        wallet = price if (which, price) in WALLETS else "USD"
        covers = TOKEN * out_bound
        hold = covers if wallet == price else round_half_even(covers * CNH_RATE, 9)
        row = self.world.admit(owner, seller, out_bound, self.world.app)
        if self.books.free(owner.pk, wallet) < hold:
            assert row["verdict"] == "insufficient_funds"
            return None
        assert (row["verdict"], row["hold_amount"]) == ("ok", hold)
        self.books.held[owner.pk, wallet] += hold
        return Job(row["attempt_id"], owner.pk, seller, wallet, price, hold, covers)

    @rule(job=jobs, out=st.integers(0, 2000))
    def record(self, job: Job | None, out: int) -> None:
        if job is None:
            return
        row = ex.record(self.world.app, job.attempt, out=out)
        if job.ended:
            assert row["verdict"] in ("already", "fenced")
            return
        job.use(out)
        job.usage = row["usage_id"]
        assert (row["verdict"], row["amount"]) == ("ok", job.paid)
        self.queue.append(job)

    @rule(job=jobs)
    def fail(self, job: Job | None) -> None:
        if job is None:
            return
        assert ex.fail(self.world.app, job.attempt) == ("fenced" if job.ended else "ok")
        if not job.ended:
            job.ended = True
            self.books.held[job.owner, job.wallet] -= job.hold

    @rule()
    def post_charges(self) -> None:
        assert ex.post_charges(self.world.app) == len(self.queue)
        entries: dict[tuple[int, str], dict[Any, Decimal]] = {}
        for job in self.queue:
            self.books.held[job.owner, job.wallet] -= job.hold
            job.posted = True
            if job.paid:
                # Wallets come in the order in which they were opened.
                place = WALLETS.index((int(job.owner != self.owners[0].pk), job.wallet)), job.price
                sums = entries.setdefault(place, {})
                for account, amount in job.lines().items():
                    sums[account] = sums.get(account, ZERO) + amount
        self.queue.clear()
        for place in sorted(entries):
            self.books.post(self.now, entries[place], day=LATE)

    @rule(job=jobs, bearer=st.sampled_from(Bearer))
    def refund_charge(self, job: Job | None, bearer: Bearer) -> None:
        if job is None or not job.usage:
            return
        now = self.tick()
        with self.both():
            if not job.paid:
                self.expected = "nothing_charged"
            elif not job.posted:
                self.expected = "charge_not_posted"
            elif job.credit is not None:
                self.expected = "charge_credited"
            elif job.bearer not in (None, bearer):
                self.expected = "key_reused"
            elif job.bearer is None:
                back = {account: -amount for account, amount in job.lines().items()}
                if bearer == Bearer.PLATFORM:
                    wallet = ("WALLET", job.owner, job.wallet)
                    back = {wallet: -job.paid, ("SLA_CREDIT", None, job.wallet): job.paid}
                self.books.post(now, back)
            self.world.refund_charge(job.usage, bearer, now)
            job.bearer = bearer

    @rule(job=jobs, parts=st.integers(1, 3), bearer=st.sampled_from(Bearer))
    def credit_charge(self, job: Job | None, parts: int, bearer: Bearer) -> None:
        if job is None or not job.paid:
            return
        now, wish = self.tick(), (round_half_even(job.paid / parts, 9), bearer)
        with self.both():
            if not job.posted:
                self.expected = "charge_not_posted"
            elif job.bearer is not None:
                self.expected = "charge_refunded"
            elif not wish[0]:
                self.expected = "credit_too_much"
            elif job.credit not in (None, wish):
                self.expected = "key_reused"
            elif job.credit is None:
                self.books.post(now, job.part(*wish))
            self.world.credit_charge(job.usage, *wish, now)
            job.credit = wish

    # --- money that stands still, and money that goes out -----------------------------------------

    @rule(
        what=st.sampled_from(
            (("WALLET", 0, "USD"), ("WALLET", 1, "USD"), ("WALLET", 0, "CNH"), ("PAYABLE", 0, "USD"))
        )
    )
    def freeze(self, what: tuple[str, int, str]) -> None:
        purpose, which, currency = what
        owner = self.owners[which].pk if purpose == "WALLET" else self.world.farm.organization_id
        now, place = self.tick(), (purpose, owner, currency)
        free = self.books.free(owner, currency) if purpose == "WALLET" else self.books.read(*place)
        amount = max(free, ZERO)
        self.books.move(now, place, ("FROZEN", owner, currency), amount)
        before = self.notes.freezes.get(place, (None, ZERO))[1]
        made = self.world.freeze(purpose, owner, currency, now)
        self.notes.freezes[place] = (made, before + amount)
        assert made.frozen == before + amount

    @precondition(lambda self: self.notes.freezes)
    @rule(to=st.sampled_from(("OWNER", "AUTHORITY")))
    def let_go(self, to: Any) -> None:
        (place, (standing, amount)), now = self.notes.freezes.popitem(), self.tick()
        target = place if to == "OWNER" else ("SUSPENSE", None, place[2])
        self.books.move(now, ("FROZEN", *place[1:]), target, amount)
        self.world.let_go(standing, to, now)

    @precondition(lambda self: self.batch is None)
    @rule(currency=st.sampled_from(("USD", "CNH")), bps=st.sampled_from((0, 700, 3000)))
    def draft(self, currency: str, bps: int) -> None:
        seller = self.world.farm if currency == "USD" else self.world.hall
        self.provider = Organization.objects.get(pk=seller.organization_id)
        self.world.desk.say(self.provider, withholding_bps=bps)
        owed = self.books.read("PAYABLE", self.provider.pk, currency)
        self.settles, self.agreed = currency, False
        self.settled = reckon(Provider(self.provider, owed, bps=bps), Terms(currency))
        try:
            self.batch = self.world.draft(currency, self.tick())
        except batches.NothingToSettle:
            assert self.settled.amount == 0
            return
        item = self.batch.items.filter(organization=self.provider).first()
        shown = Plan(ZERO, ZERO, item.tax, item.fee, item.amount) if item else Plan(*[ZERO] * 5)
        assert shown == self.settled

    @precondition(lambda self: self.batch is not None and not self.agreed)
    @rule(yes=st.sampled_from((True, True, False)))
    def agree(self, yes: bool) -> None:
        assert self.batch is not None
        asked = batches.submit(batch=self.batch, actor=self.world.ann, now=self.tick())
        with pytest.raises(approvals.SamePerson):
            approvals.approve(approval=asked, sha256=asked.sha256, actor=self.world.ann, now=self.now)
        if yes:
            approvals.approve(approval=asked, sha256=asked.sha256, actor=self.world.desk.bob, now=self.now)
            self.agreed = True
        else:
            approvals.reject(approval=asked, note="No.", actor=self.world.desk.bob, now=self.now)
            self.batch = None

    @precondition(lambda self: self.batch is not None and self.agreed)
    @rule(twice=st.booleans())
    def execute(self, twice: bool) -> None:
        assert self.batch is not None
        plan, currency, now = self.settled, self.settles, self.tick()
        payable = ("PAYABLE", self.provider.pk, currency)
        owed = self.books.read(*payable)
        # What is frozen when it should be paid stays, whatever came to it since.
        if plan.amount and owed >= plan.amount + plan.tax and payable not in self.notes.freezes:
            # The order is that in which the parts of an item are posted.
            self.books.move(now, payable, ("WITHHOLDING_TAX", None, currency), plan.tax)
            self.books.move(now, payable, ("PAYOUT_IN_TRANSIT", None, currency), plan.amount)
            self.sent.append((Sent(0, plan.amount, plan.tax), self.provider.pk, currency))
        for _ in range(1 + twice):
            execution.execute(batch=self.batch, ask=self.world.desk.ask, actor=self.world.ann, now=now)
        self.batch = None

    @precondition(lambda self: self.batch is None)
    @rule(currency=st.sampled_from(("USD", "CNH")), bps=st.sampled_from((0, 700, 3000)), twice=st.booleans())
    def settle(self, currency: str, bps: int, twice: bool) -> None:
        self.draft(currency=currency, bps=bps)
        if self.batch is not None:
            self.agree(yes=True)
            self.execute(twice=twice)

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0), step=st.sampled_from(("SENT", "PAID", "RETURNED", "FAILED")))
    def hear_payout(self, which: int, step: str) -> None:
        number, now = which % len(self.sent), self.tick()
        sent, owner, currency = self.sent[number]
        back = step in ("RETURNED", "FAILED")
        words: dict[str, Any] = {"external_id": "" if back else f"E{number}", "reason": "x" if back else ""}
        with self.both():
            if (sent.state, step) == ("FAILED", "PAID"):
                self.expected = payouts.GivenBack.code
            else:
                self.go_on(sent, owner, currency, step)
            payouts.note(
                payout_uid=Payout.objects.order_by("id")[number].uid,
                state=Payout.State(step),
                happened_at=now,
                actor=SYSTEM,
                now=now,
                **words,
            )

    def go_on(self, sent: Sent, owner: int, currency: str, step: str) -> None:
        if sent.state in (step, "RETURNED", "FAILED") or (sent.state == "PAID" and step != "RETURNED"):
            return
        transit, bank = ("PAYOUT_IN_TRANSIT", None, currency), ("CLEARING_BANK", None, currency)
        if step == "PAID":
            self.books.move(self.now, transit, bank, sent.amount)
        elif step in ("RETURNED", "FAILED"):
            source, payable = bank if sent.state == "PAID" else transit, ("PAYABLE", owner, currency)
            tax = ("WITHHOLDING_TAX", None, currency)
            given = {source: sent.amount, tax: sent.tax, payable: -sent.amount - sent.tax}
            self.books.post(self.now, given)
        sent.state = step

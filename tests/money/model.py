"""
The whole money side in plain Python: a dict of balances, and what each deed does to it.

It knows nothing of SQL, and of the code it judges only the numbers that are agreed: what a deed refuses it
answers with the refusal's code, and then nothing has changed.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal, localcontext

from core.quantities import round_half_even
from tests.fx.exchanging import Held

ZERO = Decimal(0)
NANO = Decimal("0.000000001")
LATE = date.max
"""Where entries of closed days are booked: the day on which they are written, after all days of a test."""

Account = tuple[str, int | None, str]
"""Purpose, organization, currency."""


class Refused(Exception):
    """The model would not do it; `args[0]` is the code of the refusal."""


@dataclass(slots=True)
class Leg:
    """What an entry did to a position: in its currency, and to its cost (US dollars)."""

    day: date
    currency: str
    amount: Decimal
    book: Decimal


@dataclass(slots=True)
class Exchange:
    """An entry that moves positions and was not told to them yet."""

    day: date
    at: datetime
    amounts: dict[str, Decimal]


@dataclass
class Books:
    """Balances as debits less credits, what is held on wallets, and what each day's end looked like."""

    balances: dict[Account, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    held: dict[tuple[int, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    booked: list[tuple[date, dict[Account, Decimal]]] = field(default_factory=list)
    closed_to: date = date.min
    rates: dict[str, list[tuple[datetime, Decimal]]] = field(default_factory=lambda: defaultdict(list))
    exchanges: list[Exchange] = field(default_factory=list)
    positions: dict[str, Held] = field(default_factory=lambda: defaultdict(Held))
    legs: list[Leg] = field(default_factory=list)
    revalued: set[date] = field(default_factory=set)

    def post(self, at: datetime, lines: Mapping[Account, Decimal], *, day: date | None = None) -> None:
        """One entry; none if nothing moves. Charges are dated by the database's clock: `day` is LATE."""
        lines = {account: amount for account, amount in lines.items() if amount}
        if not lines:
            return
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for (_, _, currency), amount in lines.items():
            sums[currency] += amount
        assert not any(sums.values()), lines
        for (purpose, owner, currency), amount in lines.items():
            if purpose == "WALLET" and amount > 0 and amount > self.free(owner or 0, currency):
                raise Refused("insufficient_funds")
        day = day or at.astimezone(UTC).date()
        day = LATE if day <= self.closed_to else day
        for account, amount in lines.items():
            self.balances[account] += amount
        self.booked.append((day, dict(lines)))
        moved = {code: -amount for (purpose, _, code), amount in lines.items() if purpose == "FX_POSITION"}
        if moved:
            self.exchanges.append(Exchange(day, at, moved))

    def move(self, at: datetime, source: Account, target: Account, amount: Decimal) -> None:
        """From one account to another of the same currency: the first is debited."""
        self.post(at, {source: amount, target: -amount})

    def read(self, purpose: str, owner: int | None, currency: str) -> Decimal:
        """A liability's balance in its usual sense."""
        return -self.balances[purpose, owner, currency]

    def free(self, owner: int, currency: str) -> Decimal:
        """What a wallet may spend."""
        return self.read("WALLET", owner, currency) - self.held[owner, currency]

    # --- exchanges --------------------------------------------------------------------------------

    def worth(self, currency: str, at: datetime) -> Decimal:
        """Dollars for one of a currency, as said last by then."""
        return max((said for said in self.rates[currency] if said[0] <= at), key=lambda said: said[0])[1]

    def quote(self, sell: str, buy: str, at: datetime, spread_bps: int) -> tuple[Decimal, Decimal]:
        """What one of `buy` costs in `sell`: in the middle, and with the spread."""
        mid = self.worth(buy, at) if sell == "USD" else 1 / self.worth(sell, at)
        return mid, round_half_even(mid * (10_000 + spread_bps) / 10_000, 18)

    def convert(self, owner: int, sell: str, buy: str, amount: Decimal, at: datetime, bps: int) -> Decimal:
        """Sell an amount; answers what is got for it."""
        mid, rate = self.quote(sell, buy, at, bps)
        with localcontext(prec=60):
            got = (amount / rate).quantize(NANO, rounding=ROUND_DOWN)
        return self._exchange(owner, (sell, amount), (buy, got), mid, at)

    def convert_for(
        self, owner: int, sell: str, buy: str, amount: Decimal, at: datetime, bps: int
    ) -> Decimal:
        """Buy an amount; answers what is paid for it."""
        mid, rate = self.quote(sell, buy, at, bps)
        with localcontext(prec=60):
            paid = (amount * rate).quantize(NANO, rounding=ROUND_CEILING)
        self._exchange(owner, (sell, paid), (buy, amount), mid, at)
        return paid

    def _exchange(
        self, owner: int, sold: tuple[str, Decimal], bought: tuple[str, Decimal], mid: Decimal, at: datetime
    ) -> Decimal:
        (sell, paid), (buy, got) = sold, bought
        with localcontext(prec=60):
            middle = min(paid, round_half_even(got * mid, 9))
        if min(paid, got, middle) <= 0:
            raise Refused("amount_too_small")
        self.post(
            at,
            {
                ("WALLET", owner, sell): paid,
                ("FX_POSITION", None, sell): -middle,
                ("FX_SPREAD", None, sell): middle - paid,
                ("FX_POSITION", None, buy): got,
                ("WALLET", owner, buy): -got,
            },
        )
        return got

    def follow(self) -> None:
        """Tell positions of exchanges in their order, and post what was gained, for each day."""
        while self.exchanges:
            told, self.exchanges = self.exchanges, []
            gained: dict[date, tuple[Decimal, datetime]] = {}
            for one in told:
                gain = self._tell(one)
                sum_, last = gained.get(one.day, (ZERO, one.at))
                gained[one.day] = (sum_ + gain, max(last, one.at))
            for day in sorted(gained):
                gain, at = gained[day]
                lines: dict[Account, Decimal] = {
                    ("FX_POSITION", None, "USD"): gain,
                    ("FX_GAIN", None, "USD"): -gain,
                }
                self.post(at, lines, day=day)

    def _tell(self, one: Exchange) -> Decimal:
        """Each of our exchanges has dollars on one side: the other is worth what they are."""
        [*others] = [code for code in one.amounts if code != "USD"]
        gained = ZERO
        for code in others:
            held = self.positions[code]
            cost, gain = held.cost, held.gained
            held.move(one.amounts[code], -one.amounts["USD"])
            gained += held.gained - gain
            self.legs.append(Leg(one.day, code, one.amounts[code], held.cost - cost))
        return gained

    def revalue(self, day: date) -> None:
        """Book what positions of a day were worth beyond their cost, and undo it on the next."""
        if day <= self.closed_to:
            raise Refused("not_in_time")
        if day in self.revalued:
            return
        end = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
        gain = ZERO
        for code in sorted({leg.currency for leg in self.legs}):
            legs = [leg for leg in self.legs if leg.currency == code and leg.day <= day]
            amount = sum((leg.amount for leg in legs), ZERO)
            if amount:
                self.revalued.add(day)
                book = sum((leg.book for leg in legs), ZERO)
                with localcontext(prec=60):
                    gain += round_half_even(amount * self.worth(code, end), 9) - book
        lines: dict[Account, Decimal] = {
            ("FX_POSITION", None, "USD"): gain,
            ("FX_REVALUATION", None, "USD"): -gain,
        }
        self.post(end - timedelta(microseconds=1), lines)
        self.post(end, {account: -amount for account, amount in lines.items()})

    # --- periods ----------------------------------------------------------------------------------

    def close(self, day: date) -> dict[Account, Decimal]:
        """Close the books; answers what stood in them at the end of the day."""
        if day <= self.closed_to:
            raise Refused("period_closed")
        if not any(booked <= day for booked, _ in self.booked):
            raise Refused("nothing_booked")
        held: dict[str, Decimal] = defaultdict(Decimal)
        for leg in self.legs:
            if leg.day <= day:
                held[leg.currency] += leg.amount
        if any(held.values()) and day not in self.revalued:
            raise Refused("not_revalued")
        self.closed_to = day
        return self.at_end_of(day)

    def at_end_of(self, day: date) -> dict[Account, Decimal]:
        """Balances of everything booked up to a day."""
        sums: dict[Account, Decimal] = defaultdict(Decimal)
        for booked, lines in self.booked:
            if booked <= day:
                for account, amount in lines.items():
                    sums[account] += amount
        return {account: amount for account, amount in sums.items() if amount}

"""Whether a provider would be paid if it were settled now, and what is missing: one answer for its pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.compliance.standing import Standing, find_standing
from billing.earnings import list_earnings
from billing.models import ConnectAccount, PayoutMethod
from billing.rails import methods
from billing.rails.choice import COOLING, PENDING
from billing.rails.protocol import Refusal
from core.money import Money

CONNECT = "stripe_connect"
AT_STRIPE = Refusal("account_not_ready", "Stripe does not pay this account yet.")


@dataclass(frozen=True, slots=True)
class Way:
    """A method, and why it may not be paid now."""

    method: PayoutMethod
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class Readiness:
    """`owed` is what waits, by currency; `unpaid` the currencies of it that no method takes."""

    standing: Standing
    ways: tuple[Way, ...]
    owed: tuple[Money, ...]
    unpaid: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        """
        Whether nothing is missing, of all that is owed or of a part: whoever only waits for a method to cool
        is ready, from then on.
        """
        wanted = {one.currency for one in self.owed if one.amount > 0}
        is_stuck = bool(wanted) and wanted <= set(self.unpaid)
        good = any(way.refusal in (None, COOLING) for way in self.ways)
        return self.standing.may_receive and good and not is_stuck

    @property
    def ready_from(self) -> datetime | None:
        """When the first method may be paid, if none may be now and nothing else is missing."""
        if not self.is_ready or any(way.refusal is None for way in self.ways):
            return None
        return min(way.method.payable_from for way in self.ways if way.refusal == COOLING)


def find_readiness(*, organization_id: int, now: datetime) -> Readiness:
    """How one provider stands."""
    account = ConnectAccount.objects.filter(organization_id=organization_id).first()
    return judge(
        standing=find_standing(organization_id=organization_id, now=now),
        listed=methods.list_methods(organization_id=organization_id),
        owed=[
            Money(one.payable, one.currency)
            for one in list_earnings(organization_id=organization_id)
            if one.payable
        ],
        at_stripe=account is not None and account.state == ConnectAccount.State.READY,
        now=now,
    )


def judge(
    *,
    standing: Standing,
    listed: Sequence[PayoutMethod],
    owed: Sequence[Money],
    at_stripe: bool,
    now: datetime,
) -> Readiness:
    """The same of what is known; no I/O. `at_stripe` is whether Stripe pays the provider's account there."""
    ways = tuple(Way(method, _find_refusal(method, at_stripe, now)) for method in listed)
    paid = {way.method.currency for way in ways if way.refusal in (None, COOLING)}
    unpaid = tuple(one.currency for one in owed if one.amount > 0 and one.currency not in paid)
    return Readiness(standing, ways, tuple(owed), unpaid)


def _find_refusal(method: PayoutMethod, at_stripe: bool, now: datetime) -> Refusal | None:
    chosen = methods.choose(
        methods=[method], amount=Decimal(0), currency=method.currency, may_receive=True, now=now
    )
    refusal = chosen.rejected[0].refusal if chosen.method is None else None
    if method.rail == CONNECT and not at_stripe and refusal in (None, COOLING, PENDING):
        return AT_STRIPE
    return refusal

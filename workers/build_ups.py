"""What one charge is made of: the lines of its price card, times what was used."""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from uuid import UUID

from accounts import access
from accounts.models import Organization
from billing.models import ChargeConversion, FxQuote
from core.errors import NotFound
from core.money import Money
from core.quantities import EXACT
from marketplace.models import Job
from marketplace.pages.bars import LineView, list_lines
from workers import usage
from workers.usage import Work

MILLION_PLACES, SECONDS_PER_HOUR = 6, 3600


@dataclass(frozen=True, slots=True)
class Used:
    """What is billed: tokens, or chip-seconds where those are sold."""

    input: int
    cached_input: int
    output: int
    chip_seconds: Decimal


@dataclass(frozen=True, slots=True)
class Exchanged:
    """That a charge was paid from a wallet in another currency than its price, at `quote`."""

    quote: FxQuote
    spread: Money


@dataclass(frozen=True, slots=True)
class Explained:
    """
    A charge with its lines, which add up to `summed`; both, and `charged`, are in the currency of the price.

    What was charged differs where it was rounded, discounted for waiting, or bounded by what was held. `paid`
    is what left the wallet.
    """

    job: Job
    work: Work
    used: Used
    lines: tuple[LineView, ...]
    summed: Decimal
    charged: Decimal
    paid: Money
    exchanged: Exchanged | None

    @property
    def difference(self) -> Decimal:
        """What the charge is more than its lines; negative if it is less."""
        return EXACT.subtract(self.charged, self.summed)


def explain_charge(*, organization: Organization, job: UUID) -> Explained:
    """
    Open a job's charge into its lines.

    :raises core.errors.NotFound: if the job is not the organization's, or nothing was charged for it
    """
    found = access.get_or_refuse(usage.list_used_jobs(organization=organization), uid=job)
    work = usage.find_job_works(jobs=[found]).get(found.pk)
    if work is None or not work.records:
        raise NotFound
    used, lines = multiply_lines(work)
    with localcontext(EXACT):
        summed = sum((line.amount for line in lines), Decimal(0))
    paid = Money(work.cost, work.records[0].charge.currency)
    charged, exchanged = _find_exchange(work, paid)
    return Explained(found, work, used, lines, summed, charged, paid, exchanged)


def _find_exchange(work: Work, paid: Money) -> tuple[Decimal, Exchanged | None]:
    """What was charged in the currency of the price, and how the wallet's became that."""
    sold = list(ChargeConversion.objects.filter(charge__in=[one.charge.pk for one in work.records]))
    if not sold:
        return paid.amount, None
    with localcontext(EXACT):
        middle = Money(sum((one.mid_amount for one in sold), Decimal(0)), paid.currency)
        charged = sum((one.amount for one in sold), Decimal(0))
    # One hold has one quote, however many records were charged to it.
    quote = FxQuote.objects.get(pk=sold[0].quote_id)
    return charged, Exchanged(quote, paid - middle)


def multiply_lines(work: Work) -> tuple[Used, tuple[LineView, ...]]:
    """What an attempt used, and each line of its card times that; lines that are nothing are left out."""
    records = [record.usage for record in work.records]
    cached = sum(record.billed_cached for record in records)
    with localcontext(EXACT):
        used = Used(
            input=sum(record.billed_in for record in records) - cached,
            cached_input=cached,
            output=sum(record.billed_out for record in records),
            chip_seconds=sum((record.chip_seconds for record in records), Decimal(0)),
        )
        card = work.attempt.card
        lines: list[LineView] = []
        for kind in ("input", "cached_input", "output", "chip_second"):
            # A card sells by one unit; by the others it has no price.
            if not getattr(card, f"{kind}_price"):
                continue
            amounts = [
                (line, _multiply(line.amount, kind, used)) for line in list_lines(card.explained, kind=kind)
            ]
            lines = _add(lines, amounts)
    return used, tuple(line for line in lines if line.amount)


def _multiply(amount: Decimal, kind: str, used: Used) -> Decimal:
    """A line's amount (of a million tokens, or a chip-hour) times what was used."""
    if kind == "chip_second":
        return amount * used.chip_seconds / SECONDS_PER_HOUR
    tokens: int = getattr(used, kind)
    return (amount * tokens).scaleb(-MILLION_PLACES)


def _add(lines: list[LineView], amounts: list[tuple[LineView, Decimal]]) -> list[LineView]:
    before = [line.amount for line in lines] or [Decimal(0)] * len(amounts)
    return [
        LineView(line.name, old + amount, line.figures, line.sources, line.tier)
        for (line, amount), old in zip(amounts, before, strict=True)
    ]

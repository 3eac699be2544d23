"""What the demo reads in the books. Needs Django to be set up."""

import time
from datetime import datetime, timedelta
from decimal import Decimal

from django.core.management import call_command
from django.utils import timezone

from billing import wallets
from billing.models import QueuedCharge
from config.demo import money
from config.demo.places import PLACES
from config.demo.steps import StepFailed
from marketplace.models import Job, PriceCard

PAUSE_SECONDS = 0.2


def show_prices(model: str, *, paid_in: str) -> None:
    """
    What a million output tokens cost at each site and why, line by line, how power changes, and what a buyer
    with another currency pays.
    """
    now = timezone.now()
    cards = [_find_card(place.name, model, now) for place in PLACES]
    print(f"    {'':26}" + "".join(f"{place.name:>24}" for place in PLACES))
    print(f"    {'':26}" + "".join(f"{card.currency:>24}" for card in cards))
    rows: dict[str, list[Decimal]] = {}
    for number, card in enumerate(cards):
        for line in card.explained["lines"]:
            amounts = rows.setdefault(line["line"], [Decimal(0)] * len(cards))
            amounts[number] = Decimal(line["per_million_tokens"]["output"])
    for name, amounts in rows.items():
        if any(amounts):
            print(f"    {name.replace('_', ' '):26}" + "".join(f"{amount:24.6f}" for amount in amounts))
    sums = [card.output_price * 1_000_000 for card in cards]
    print(f"    {'per million tokens':26}" + "".join(f"{amount:24.6f}" for amount in sums))
    paid = [
        money.convert(amount, priced_in=card.currency, paid_in=paid_in)
        for amount, card in zip(sums, cards, strict=True)
    ]
    print(f"    {'the same in ' + paid_in:26}" + "".join(f"{amount:24.6f}" for amount in paid))
    powers = [Decimal(card.explained["electricity"]["price_per_kwh"]) for card in cards]
    print(f"    {'electricity per kWh':26}" + "".join(f"{power:24.6f}" for power in powers))
    ahead = [_find_range(place.name, model, now) for place in PLACES]
    print(f"    {'the next 24 hours':26}" + "".join(f"{text:>24}" for text in ahead))


def _find_card(site: str, model: str, now: datetime) -> PriceCard:
    card = PriceCard.objects.filter(offer__site__name=site, offer__model__slug=model).in_force(now).first()
    if card is None:
        raise StepFailed(f"{site} has no price")
    return card


def _find_range(site: str, model: str, now: datetime) -> str:
    """The lowest and the highest price of electricity behind the cards of the next day."""
    cards = PriceCard.objects.filter(
        offer__site__name=site,
        offer__model__slug=model,
        starts_at__gte=now - timedelta(hours=1),
        starts_at__lt=now + timedelta(hours=24),
    )
    powers = [Decimal(card.explained["electricity"]["price_per_kwh"]) for card in cards]
    return f"{min(powers):.4f} to {max(powers):.4f}" if powers else "one price"


def read_available(organization_id: int, currency: str) -> Decimal:
    """What a buyer's wallet may still spend."""
    return wallets.find_wallet(organization_id=organization_id, currency=currency).available.amount


def wait_posted(*, seconds_max: float) -> None:
    """
    Wait until no job runs and every charge is in the ledger.

    :raises StepFailed: if that takes too long
    """
    deadline = time.monotonic() + seconds_max
    while QueuedCharge.objects.exists() or Job.objects.filter(state=Job.State.RUNNING).exists():
        if time.monotonic() > deadline:
            raise StepFailed("charges are still waiting; is the task worker running?")
        time.sleep(PAUSE_SECONDS)


def show() -> None:
    """
    Print the trial balance and verify the whole ledger.

    :raises StepFailed: if something is wrong with the books
    """
    call_command("ledger", "trial-balance")
    try:
        call_command("ledger", "verify")
    except SystemExit as error:
        if error.code:
            raise StepFailed("the ledger does not verify") from error

"""What the demo reads in the books. Needs Django to be set up."""

import time
from decimal import Decimal

from django.core.management import call_command

from billing import wallets
from billing.models import QueuedCharge
from config.demo.places import PLACES
from config.demo.steps import StepFailed
from marketplace.models import Job, PriceCard

PAUSE_SECONDS = 0.2


def show_prices(model: str) -> None:
    """What each site's card says, and how much of it is electricity."""
    for place in PLACES:
        cards = PriceCard.objects.filter(offer__site__name=place.name, offer__model__slug=model)
        card = cards.latest("number")
        energy = sum(
            (
                Decimal(line["per_million_tokens"]["output"])
                for line in card.explained["lines"]
                if line["line"] in ("electricity", "idle", "cooling_and_losses")
            ),
            Decimal(0),
        )
        print(
            f"    {place.name:24} {card.output_price * 1_000_000:.6f} {card.currency} per million output "
            f"tokens, {energy:.6f} of it electricity at {place.energy_price} a kWh"
        )


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

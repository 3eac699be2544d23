"""Whether a provider may be paid, and by which of its methods."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Gate:
    """
    How one provider is paid: `refusal` is empty, NOT_ALLOWED or NO_METHOD; `minimum` is the rail's.

    `withholding_bps` is the tax that is withheld, in hundredths of a per cent.
    """

    organization_id: int
    rail: str
    method_id: int | None
    minimum: Decimal = Decimal(0)
    withholding_bps: int = 0
    refusal: str = ""


type Ask = Callable[[Sequence[int], str, datetime], list[Gate]]
"""Of providers (ids), a currency and a moment: how each is paid."""

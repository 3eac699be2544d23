"""What the tariff engine refuses, and where."""

from datetime import datetime
from typing import Any

from core.errors import DomainError, Invalid
from core.money import CurrencyMismatch


class TariffInvalid(Invalid):
    """A tariff, calendar, series or site that cannot be meant; `field` is the path to what is wrong."""

    code = "tariff_invalid"

    def __init__(self, problem: str, *, field: str = "") -> None:
        self.problem, self.field = problem, field
        super().__init__(f"{field}: {problem}" if field else problem, field=field)

    def within(self, path: str) -> "TariffInvalid":
        """Return the same refusal as seen from the whole document, `path` being where this part lies."""
        joint = "." if path and self.field and not self.field.startswith("[") else ""
        return TariffInvalid(self.problem, field=f"{path}{joint}{self.field}")


class SeriesMismatch(TariffInvalid, CurrencyMismatch):
    """An index is in another currency than the tariff that follows it."""


class PriceUnknown(DomainError):
    """
    Neither the series nor a forecast nor a stated rule knows a price or volume.

    `time` is the first moment of the span for which the component has none, so a shorter span may be asked
    for; `missing` is what its series lacks for that, another moment if the index lags or is averaged.
    """

    code = "price_unknown"

    def __init__(
        self, *, component: str, series: str, time: datetime, missing: datetime | None = None
    ) -> None:
        self.component, self.series, self.time = component, series, time
        self.missing = missing or time
        super().__init__(
            f"component {component} has no price for {time.isoformat()}: series {series} says nothing for "
            f"{self.missing.isoformat()}, and neither a forecast nor a rule of the component does",
            component=component,
            series=series,
            time=time.isoformat(),
            missing=self.missing.isoformat(),
        )


class NotInForce(DomainError):
    """Prices were asked for a time before a version begins or after it ends."""

    code = "tariff_not_in_force"


class FigureMissing(DomainError):
    """A component needs a figure of the site, or of the month, that was not given."""

    code = "figure_missing"

    def __init__(self, problem: str, *, component: str, **extra: Any) -> None:
        self.component = component
        super().__init__(f"component {component}: {problem}", component=component, **extra)

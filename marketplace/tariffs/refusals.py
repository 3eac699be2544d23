"""What the tariff engine refuses, and where."""

from datetime import datetime
from typing import Any

from core.errors import DomainError, Invalid


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


class PriceUnknown(DomainError):
    """Neither the series nor a forecast nor a stated rule knows a price or volume."""

    code = "price_unknown"

    def __init__(self, *, component: str, series: str, time: datetime) -> None:
        self.component, self.series, self.time = component, series, time
        super().__init__(
            f"component {component}: series {series} says nothing for {time.isoformat()}, "
            "and neither a forecast nor a rule of the component does",
            component=component,
            series=series,
            time=time.isoformat(),
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

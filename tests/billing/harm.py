"""How a harm is written: a statement, or a copy of a row with some columns changed."""

from dataclasses import dataclass

NEW = "900000001"


@dataclass(frozen=True, slots=True)
class Copy:
    """
    A copy of a row of `table` (`of`: which one) with `changes` as SQL expressions."""

    table: str
    changes: dict[str, str]
    of: str = "true"


# Several: the rule refuses each.
Harm = str | Copy | tuple[Copy | str, ...]

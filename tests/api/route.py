"""One operation of the REST interface, as its tests know it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.access import Permission
from tests.api.conftest import Farm


@dataclass(frozen=True, slots=True)
class Route:
    """`needs` None: nothing but being somebody. `path` and `body` are made from the farm's things."""

    method: str
    name: str
    path: Callable[[Farm], str]
    needs: Permission | None
    status: int = 200
    body: Callable[[Farm], Any] | None = None
    named_by_address: bool = False
    """Whether the address names one thing, which strangers must not find."""
    by_key: bool = False
    """Whether only a key may do it."""
    right: str = ""
    """The permission that an operator needs; nobody else may do it."""
    by_address: bool = False
    """Whether the address names the organization, and not the header."""
    by_agent: bool = False
    """Whether only an agent with its token may do it."""
    open_to_all: bool = False
    """Whether nobody needs to be known; what is sent says who may."""
    hidden: bool = False
    """Whether its tests are elsewhere, because no call of the farm's succeeds."""

    def __str__(self) -> str:
        return f"{self.method} {self.name}"

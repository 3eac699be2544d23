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


VIEW, USE, MONEY = Permission.VIEW, Permission.USE, Permission.VIEW_MONEY
SITES, KEYS, MOVE = Permission.MANAGE_SITES, Permission.MANAGE_KEYS, Permission.MANAGE_MONEY


def uid_of(row: Any) -> str:
    """The uid of a row, as addresses have it."""
    return str(row.uid)


def listed(name: str, path: str, needs: Permission | None) -> Route:
    """What an address without names shows."""
    return Route("GET", name, lambda _: path, needs)


def made(name: str, path: str, needs: Permission | None, body: Callable[[Farm], Any], **more: Any) -> Route:
    """What is made at an address without names."""
    return Route("POST", name, lambda _: path, needs, more.pop("status", 201), body, **more)


def made_at(name: str, path: Callable[[Farm], str], needs: Permission, body: Callable[[Farm], Any]) -> Route:
    """What is made at an address of somebody's thing that everybody may see."""
    return Route("POST", name, path, needs, 201, body)


def operated(
    method: str, name: str, path: Callable[[Farm], str], right: str, body: Any = None, status: int = 200
) -> Route:
    """Operators' work."""
    return Route(method, name, path, None, status, body, right=right)


def placed(
    method: str, name: str, path: str, needs: Permission, body: Any = None, status: int = 200
) -> Route:
    """Of the organization that the address names."""
    return Route(
        method,
        name,
        lambda f: (
            f"/api/organizations/{f.organization.uid}"
            + path.format(colleague=uid_of(f.colleague), invitation=uid_of(f.invitation))
        ),
        needs,
        status,
        body,
        named_by_address=True,
        by_address=True,
    )


def named(
    method: str,
    name: str,
    path: Callable[[Farm], str],
    needs: Permission,
    body: Any = None,
    status: int = 200,
) -> Route:
    """Of one thing that the address names."""
    return Route(method, name, path, needs, status, body, named_by_address=True)

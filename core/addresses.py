"""Which hosts and addresses of the internet the platform may call on somebody's behalf."""

import ipaddress
import re
import socket
from collections.abc import Callable, Collection
from ipaddress import IPv4Address, IPv6Address

from core.errors import DomainError

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], list[str]]

HOST_LENGTH_MAX = 253

# What is not global or leads to another protocol's addresses; named here, because what `is_global` says
# has changed between versions of Python.
REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # unspecified, loopback, IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo, ORCHID and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)

LABEL = re.compile(r"[0-9a-z_]([0-9a-z_-]{0,61}[0-9a-z])?", re.IGNORECASE)
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)


class AddressRefused(DomainError):
    """An address that the platform does not call for anybody."""

    status = 422
    code = "address_refused"
    message = "This address cannot be used: it must be a public https address."


class HostUnknown(DomainError):
    """A host that has no address."""

    status = 502
    code = "host_unknown"
    message = "The host has no address."


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet and stands for itself."""
    if getattr(address, "scope_id", None) is not None:
        return False
    if any(address.version == network.version and address in network for network in REFUSED):
        return False
    return address.is_global and not address.is_multicast


def check_host(host: str) -> Address | None:
    """
    The address a host spells, or None if it is a name.

    :raises AddressRefused: for malformed names and for numbers in any spelling but the usual four
    """
    bare = host.removesuffix(".")
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        pass
    labels = bare.split(".")
    # 2130706433, 0x7f.1, 0177.0.0.1 and 127.1 are 127.0.0.1 to the system's resolver. No top-level
    # domain is a number, so a name that ends in one is such a spelling.
    if len(bare) > HOST_LENGTH_MAX or NUMBER.fullmatch(labels[-1]):
        raise AddressRefused
    if not all(LABEL.fullmatch(label) for label in labels):
        raise AddressRefused
    return None


def resolve_by_system(host: str, port: int) -> list[str]:
    """Addresses of a name, from the system's resolver, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def find_addresses(
    host: str,
    port: int,
    *,
    resolve: Resolver = resolve_by_system,
    allowed: Collection[str] = (),
) -> list[Address]:
    """
    Resolve a host once, and give what may be connected to. `allowed` lists exceptions; tests need them.

    One refused address among several refuses them all: no honest host is both public and private.

    :raises AddressRefused: if the host is malformed or any of its addresses is not public
    :raises HostUnknown: if it has none
    """
    literal = check_host(host)
    try:
        spelled = [str(literal)] if literal is not None else resolve(host, port)
        addresses = [ipaddress.ip_address(text) for text in spelled]
    except (OSError, UnicodeError):
        raise HostUnknown from None
    except ValueError:
        raise AddressRefused from None
    if not addresses:
        raise HostUnknown
    if not all(str(address) in allowed or is_public(address) for address in addresses):
        raise AddressRefused
    return addresses

"""Only public addresses of the internet are called."""

import ipaddress

import pytest

from core import addresses
from core.addresses import AddressRefused, HostUnknown


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104 - an address to refuse, nothing is bound
        "0.1.2.3",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.127.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "233.252.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "192.88.99.1",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:a9fe:a9fe",
        "64:ff9b::127.0.0.1",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "2a00:1450::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not addresses.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "2a00:1450:4001:80f::200e"]
)
def test_a_public_address_is_let_through(address: str) -> None:
    assert addresses.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "0",
        "8.8.2056",
        "134744072",
        "127.0.0.1.",
        "example.com.1",
        "example.0x",
        "",
        ".",
        "a..b",
        "-a.example",
        "exa mple.com",
        "a\nb.example",
        "x" * 64 + ".example",
        ".".join(["x" * 60] * 5),
    ],
)
def test_a_host_that_is_neither_a_name_nor_a_plain_address_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        addresses.find_addresses(host, 443, resolve=lambda host, port: ["8.8.8.8"])


def test_a_name_is_resolved_once() -> None:
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["8.8.8.8", "2a00:1450:4001:80f::200e"]

    found = addresses.find_addresses("example.com", 443, resolve=resolve)

    assert [str(address) for address in found] == ["8.8.8.8", "2a00:1450:4001:80f::200e"]
    assert asked == ["example.com"]


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    with pytest.raises(AddressRefused):
        addresses.find_addresses("example.com", 443, resolve=lambda host, port: ["8.8.8.8", "10.0.0.1"])


def test_a_spelled_address_is_not_resolved() -> None:
    found = addresses.find_addresses("8.8.8.8", 443, resolve=lambda host, port: ["10.0.0.1"])

    assert [str(address) for address in found] == ["8.8.8.8"]


def test_localhost_is_refused_by_what_it_resolves_to() -> None:
    with pytest.raises(AddressRefused):
        addresses.find_addresses("localhost", 443)


def test_a_host_without_addresses_is_unknown() -> None:
    def fail(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(HostUnknown):
        addresses.find_addresses("example.com", 443, resolve=fail)
    with pytest.raises(HostUnknown):
        addresses.find_addresses("example.com", 443, resolve=lambda host, port: [])


def test_an_answer_that_is_no_address_is_refused() -> None:
    with pytest.raises(AddressRefused):
        addresses.find_addresses("example.com", 443, resolve=lambda host, port: ["not an address"])


def test_an_exception_is_one_address_and_not_its_neighbours() -> None:
    allowed = frozenset({"127.0.0.1"})

    assert addresses.find_addresses("127.0.0.1", 443, allowed=allowed)
    with pytest.raises(AddressRefused):
        addresses.find_addresses("127.0.0.2", 443, allowed=allowed)

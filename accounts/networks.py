"""From which network a request comes: enough to tell one household or office from another, and no more."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

IPV4_PREFIX, IPV6_PREFIX = 24, 48
"""What one subscriber is given at most: addresses within it are somebody's own to change."""


def find_network(request: HttpRequest) -> str:
    """The caller's network, `203.0.113.0/24` or `2001:db8:7::/48`; empty where no address can be trusted."""
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    # Each proxy of ours appends the address that it saw; what stands before was written by whoever asked.
    proxies = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    seen = forwarded[-proxies] if 0 < proxies <= len(forwarded) else ""
    return cut(seen if proxies else request.META.get("REMOTE_ADDR", ""))


def cut(address: str) -> str:
    """The network of an address; empty for what is no address, or leads to this machine itself."""
    try:
        found = ipaddress.ip_address(address.removeprefix("[").partition("]")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback or found.is_unspecified:
        return ""
    prefix = IPV4_PREFIX if found.version == 4 else IPV6_PREFIX
    return str(ipaddress.ip_network(f"{found}/{prefix}", strict=False))

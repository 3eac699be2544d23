"""E-mail addresses that are lent for a while, by the list of the package `disposable-email-domains`."""

from disposable_email_domains import blocklist


def is_thrown_away(*, email: str) -> bool:
    """Whether the address is of a domain that lends addresses to anybody, or of one below such a domain."""
    labels = email.rpartition("@")[2].strip().rstrip(".").lower().split(".")
    return any(".".join(labels[start:]) in blocklist for start in range(len(labels) - 1))

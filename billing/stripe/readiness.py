"""
Whether account, key and endpoints at Stripe are fit for what is offered here, and the endpoints made so.

The endpoints are ours by their metadata (`jouleport: account` and `jouleport: connect`). Stripe fixes an
endpoint's version when it is made, so another version means another endpoint, with another secret.
"""

from dataclasses import dataclass
from typing import Any

import stripe

from billing.models import StripeTerms, TopUpMethod
from billing.stripe import client, inbox
from core.errors import Invalid

NAMES = {"account": False, "connect": True}
"""Each endpoint's name, and whether it is told of connected accounts."""
NEEDED = {TopUpMethod.CARD: "card_payments", TopUpMethod.STABLECOIN: "crypto_payments"}
"""Alipay and WeChat Pay are switched on among the account's payment methods and are no capabilities."""
LIST_MAX = 100

Body = dict[str, Any]


class UnfitAddress(Invalid):
    """Stripe delivers to no such address."""

    code = "unfit_address"
    message = "Stripe delivers to https addresses that end in /api/stripe/webhook."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and how it is."""

    is_fit: bool
    text: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What Stripe says of the account; `secrets` is how many of ours are set here."""

    is_live: bool
    account: Body
    endpoints: list[Body]
    methods: frozenset[str]
    secrets: int


@dataclass(frozen=True, slots=True)
class Installed:
    """An endpoint as it is now. Stripe tells the secret of one that was made, once."""

    name: str
    id: str
    deed: str
    secret: str = ""


def look(*, asked: stripe.StripeClient, secrets: int) -> Seen:
    """
    Ask Stripe.

    :raises billing.stripe.client.StripeUnavailable: if it does not answer, or does not know the key
    """
    offered = StripeTerms.objects.values_list("methods", flat=True)
    with client.asking():
        return Seen(
            is_live=asked.v1.balance.retrieve().livemode,
            account=asked.v1.accounts.retrieve_current().to_dict(),
            endpoints=_list_endpoints(asked),
            methods=frozenset(method for methods in offered for method in methods),
            secrets=secrets,
        )


def judge(*, seen: Seen, url: str | None, wants_live: bool) -> list[Finding]:
    """Every requirement, and whether it is met. Pure."""
    account = seen.account
    due = (account.get("requirements") or {}).get("currently_due") or []
    found = [
        Finding(
            seen.is_live or not wants_live, f"the key is of the {'live' if seen.is_live else 'test'} mode"
        ),
        Finding(True, f"stripe {client.SDK_VERSION} asks in version {client.API_VERSION}"),
        Finding(bool(account.get("charges_enabled")), f"account {account['id']} may take payments"),
        Finding(bool(account.get("payouts_enabled")), f"account {account['id']} may be paid out"),
        Finding(not due, f"Stripe asks the account for nothing more{': ' + ', '.join(due) if due else ''}"),
    ]
    told = account.get("capabilities") or {}
    wanted = {NEEDED[TopUpMethod(one)] for one in seen.methods if one in NEEDED} | {"transfers"}
    found += [Finding(told.get(one) == "active", f"capability {one}") for one in sorted(wanted)]
    for name in NAMES:
        mine = [one for one in seen.endpoints if _name(one) == name and url in (None, one["url"])]
        found += _judge_endpoint(name, mine)
    found.append(
        Finding(
            seen.secrets >= len(NAMES), f"{seen.secrets} of {len(NAMES)} secrets of endpoints are set here"
        )
    )
    return found


def install(
    *, asked: stripe.StripeClient, url: str, retires: bool, allows_plain: bool = False
) -> list[Installed]:
    """
    Have both endpoints at an address, in our version, told of what is acted on; a repeat changes nothing.

    :param retires: delete endpoints of ours of another version or address, whose secrets are no longer needed
    :param allows_plain: take an http address, which only the stand-in delivers to
    :raises UnfitAddress: if Stripe would not deliver there
    :raises billing.stripe.client.StripeUnavailable: if it does not answer
    """
    starts = ("https://", "http://") if allows_plain else ("https://",)
    if not url.startswith(starts) or not url.endswith("/api/stripe/webhook"):
        raise UnfitAddress
    with client.asking():
        known = _list_endpoints(asked)
        done = [_ensure(asked, name, url, known) for name in NAMES]
        kept = {one.id for one in done}
        for old in known:
            if _name(old) not in NAMES or old["id"] in kept:
                continue
            if retires:
                asked.v1.webhook_endpoints.delete(old["id"])
            done.append(Installed(_name(old), old["id"], "retired" if retires else "outdated"))
    return done


def _ensure(asked: stripe.StripeClient, name: str, url: str, known: list[Body]) -> Installed:
    events = inbox.list_types(connected=NAMES[name])
    for one in known:
        if (_name(one), one["url"], one["api_version"]) != (name, url, client.API_VERSION):
            continue
        if one["status"] == "enabled" and set(one["enabled_events"]) == set(events):
            return Installed(name, one["id"], "unchanged")
        change: Any = {"enabled_events": events, "disabled": False}
        asked.v1.webhook_endpoints.update(one["id"], change)
        return Installed(name, one["id"], "updated")
    wish: Any = {
        "url": url,
        "enabled_events": events,
        "api_version": client.API_VERSION,
        "connect": NAMES[name],
        "description": f"Jouleport ({name})",
        "metadata": {"jouleport": name},
    }
    made = asked.v1.webhook_endpoints.create(wish)
    return Installed(name, made.id, "made", made.secret or "")


def _judge_endpoint(name: str, mine: list[Body]) -> list[Finding]:
    if not mine:
        return [Finding(False, f"endpoint {name} is there")]
    fit = [one for one in mine if one["api_version"] == client.API_VERSION]
    if not fit:
        return [Finding(False, f"endpoint {name} speaks {client.API_VERSION}, not {mine[0]['api_version']}")]
    one = fit[0]
    missing = sorted(set(inbox.list_types(connected=NAMES[name])) - set(one["enabled_events"]))
    lacks = f", but not of {', '.join(missing)}" if missing and "*" not in one["enabled_events"] else ""
    return [
        Finding(one["status"] == "enabled", f"endpoint {name} at {one['url']} is {one['status']}"),
        Finding(not lacks, f"endpoint {name} is told of what is acted on{lacks}"),
    ]


def _list_endpoints(asked: stripe.StripeClient) -> list[Body]:
    rows = asked.v1.webhook_endpoints.list({"limit": LIST_MAX}).auto_paging_iter()
    return [row.to_dict() for row in rows]


def _name(endpoint: Body) -> str:
    return str((endpoint.get("metadata") or {}).get("jouleport", ""))

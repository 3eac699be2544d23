"""Events: what happened, kept for ever, and handed to webhooks as misbehaving as one likes."""

import hashlib
import hmac
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from typing import Any

from stand_ins.stripe import API_VERSION
from stand_ins.stripe.call import show
from stand_ins.stripe.store import Body, Store

TRIES_MAX = 8
BACK_OFF_SECONDS = 0.5
TIMEOUT_SECONDS = 10
IDLE_SECONDS = 0.02

logger = logging.getLogger(__name__)


def emit(store: Store, kind: str, subject: Body, *, account: str = "", previous: Body | None = None) -> Body:
    """Note that something happened, and queue it for every webhook that listens."""
    data: dict[str, Any] = {"object": show(subject)}
    if previous is not None:
        data["previous_attributes"] = previous
    event: Body = {
        "id": store.make_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": store.now(),
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
    if account:
        event["account"] = account
    # Events of connected accounts are listed with the platform's.
    store.add("event", event)
    for url, secret in _list_targets(store, kind, connected=bool(account)):
        queue(store, event["id"], url, secret)
    return event


def queue(store: Store, event: str, url: str, secret: str) -> None:
    """Have an event delivered, twice or later or never if that was asked for."""
    wishes = store.read("deliveries", {})
    copies = 0 if wishes.get("lose") else 1 + int(wishes.get("duplicates", 0))
    due = time.time() + float(wishes.get("delay", 0))
    for number in range(copies):
        store.execute(
            "INSERT INTO delivery (event, url, secret, due) VALUES (?, ?, ?, ?)",
            *(event, url, secret, due + number * float(wishes.get("spread", 0))),
        )


def _list_targets(store: Store, kind: str, *, connected: bool) -> list[tuple[str, str]]:
    targets = [
        (one["url"], one["secret"])
        for one in store.read("webhooks", [])
        if bool(one.get("connect")) == connected
    ]
    for endpoint in store.all("webhook_endpoint"):
        wanted = endpoint["enabled_events"]
        is_connect = bool(store.read(f"connect:{endpoint['id']}", False))
        if endpoint["status"] == "enabled" and is_connect == connected and ("*" in wanted or kind in wanted):
            targets.append((endpoint["url"], store.read(f"secret:{endpoint['id']}")))
    return targets


def sign(payload: bytes, secret: str, timestamp: int) -> str:
    """The Stripe-Signature header of a payload."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Postman:
    """Delivers what is queued, in a thread of its own, until it is closed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End after the delivery at hand."""
        self._closing.set()
        self._thread.join(TIMEOUT_SECONDS)

    def _run(self) -> None:
        while not self._closing.is_set():
            if self._store.read("deliveries", {}).get("hold") or not self.deliver_one():
                self._closing.wait(IDLE_SECONDS)

    def deliver_one(self) -> bool:
        """Hand over what is due, the newest first if that was asked for; False if nothing is."""
        rows = self._store.execute(
            "SELECT id, event, url, secret, tries FROM delivery WHERE done = 0 AND due <= ?1"
            " ORDER BY CASE WHEN ?2 THEN -due ELSE due END, CASE WHEN ?2 THEN -id ELSE id END LIMIT 1",
            time.time(),
            int(bool(self._store.read("deliveries", {}).get("reverse"))),
        )
        if not rows:
            return False
        number, event, url, secret, tries = rows[0]
        status = self._post(event, url, secret)
        done = status.startswith("2") or tries + 1 >= TRIES_MAX
        self._store.execute(
            "UPDATE delivery SET done = ?, tries = ?, status = ?, due = ? WHERE id = ?",
            *(int(done), tries + 1, status, time.time() + BACK_OFF_SECONDS * 2**tries, number),
        )
        return True

    def _post(self, event: str, url: str, secret: str) -> str:
        found = self._store.get("event", event)
        payload = json.dumps(found, indent=2).encode()
        timestamp = int(time.time()) + int(self._store.read("deliveries", {}).get("future", 0))
        request = urllib.request.Request(  # noqa: S310 - the address is the operator's own
            url,
            data=payload,
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "Stripe-Signature": sign(payload, secret, timestamp),
                "User-Agent": "Stripe stand-in",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return str(answer.status)
        except urllib.error.HTTPError as error:
            return str(error.code)
        except OSError as error:
            logger.info("Webhook %s was not reached: %s", url, error)
            return "unreachable"

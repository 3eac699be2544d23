"""Webhook endpoints, as the platform makes them itself."""

from stand_ins.stripe import API_VERSION
from stand_ins.stripe.call import Call, change_metadata
from stand_ins.stripe.store import Body

SECRET = "whsec"  # noqa: S105 - how every secret begins


def create_endpoint(call: Call) -> Body:
    """Have events delivered to an address; the secret is told once."""
    call.allow("url", "enabled_events", "api_version", "connect", "description", "metadata")
    events = call.need("enabled_events")
    body: Body = {
        "id": call.store.make_id("we"),
        "object": "webhook_endpoint",
        "api_version": call.text("api_version") or API_VERSION,
        "application": None,
        "created": call.store.now(),
        "description": call.text("description"),
        "enabled_events": events if isinstance(events, list) else [str(events)],
        "livemode": False,
        "metadata": call.metadata(),
        "status": "enabled",
        "url": str(call.need("url")),
    }
    secret = call.store.make_id(SECRET)
    call.store.write(f"secret:{body['id']}", secret)
    call.store.write(f"connect:{body['id']}", call.flag("connect"))
    call.store.add("webhook_endpoint", body)
    return {**body, "secret": secret}


def update_endpoint(call: Call, identity: str) -> Body:
    """Change where and what is delivered."""
    call.allow("url", "enabled_events", "disabled", "description", "metadata")
    body = call.find("webhook_endpoint", identity)
    if "url" in call.params:
        body["url"] = str(call.need("url"))
    if "enabled_events" in call.params:
        body["enabled_events"] = call.need("enabled_events")
    if "disabled" in call.params:
        body["status"] = "disabled" if call.flag("disabled") else "enabled"
    body["metadata"] = change_metadata(body["metadata"], call.params.get("metadata"))
    return call.store.save(body)


def delete_endpoint(call: Call, identity: str) -> Body:
    """Deliver nothing there any more."""
    call.allow()
    call.find("webhook_endpoint", identity)
    call.store.remove(identity)
    return {"id": identity, "object": "webhook_endpoint", "deleted": True}

"""Direct upstreams: a provider's own HTTPS address for a node, called once an operator admitted it."""

import re
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import User
from core.addresses import find_addresses
from core.credentials import CredentialUnreadable, Sealed, Vault
from core.errors import DomainError, Invalid, NotFound
from workers import nodes
from workers.models import DirectUpstream, Node
from workers.upstream.guard import read_address
from workers.upstream.targets import name_purpose

# What goes into a header: RFC 6750 has no more signs than these.
CREDENTIAL = re.compile(r"[A-Za-z0-9._~+/=:-]{8,4096}")


class CredentialInvalid(Invalid):
    """It cannot be sent as a bearer token. The message does not repeat it."""

    code = "invalid_credential"
    message = "A credential has 8 to 4096 letters, digits and signs of a bearer token."


class CredentialNeeded(Invalid):
    """A credential belongs to one address."""

    code = "credential_needed"
    message = "A new address needs its credential; the one that is kept is never sent anywhere else."


class UpstreamDecided(DomainError):
    """It stands as it was asked to stand."""

    code = "upstream_decided"
    message = "This was decided before."


def submit_upstream(
    *, node: Node, url: str, credential: str | None, slots: int, actor: Actor, now: datetime
) -> DirectUpstream:
    """
    Have a node called at an address of its provider's own, once an operator has admitted it.

    A new address waits for an operator again; another credential or number of slots does not.

    :param credential: what is sent as bearer token; None keeps the one that is there
    :param slots: how many requests the address takes at once
    :raises core.addresses.AddressRefused: if it is no https address of a public host
    :raises CredentialInvalid: if it cannot be sent
    :raises CredentialNeeded: if there is none for this address
    :raises workers.nodes.NodeRetired: if the node is retired
    """
    read_address(url)
    if credential is not None and not CREDENTIAL.fullmatch(credential):
        raise CredentialInvalid
    with transaction.atomic():
        # The node's row keeps two submissions apart, also the first two.
        node = Node.objects.select_for_update().get(pk=node.pk)
        if node.state == Node.State.RETIRED:
            raise nodes.NodeRetired
        upstream = DirectUpstream.objects.filter(node=node).first() or DirectUpstream(node=node)
        moved = upstream.url != url
        if moved and credential is None:
            raise CredentialNeeded
        upstream.url, upstream.slots = url, slots
        if moved:
            upstream.state, upstream.decided_at, upstream.decided_by = (
                DirectUpstream.State.PENDING,
                None,
                None,
            )
            upstream.submitted_at = now
        if credential is not None:
            sealed = open_vault().seal(credential, purpose=name_purpose(upstream.uid, url))
            upstream.credential, upstream.key_id = sealed.token, sealed.key_id
            upstream.credential_set_at = now
        upstream.save()
        details = {"url": url, "slots": slots, "credential_changed": credential is not None}
        _record(upstream, "upstream.submit", actor=actor, now=now, details=details)
    return upstream


def remove_upstream(*, node: Node, actor: Actor, now: datetime) -> None:
    """
    Call the address no more and forget its credential; the node is its agent's again.

    :raises core.errors.NotFound: if the node has none
    """
    with transaction.atomic():
        upstream = find_upstream(node=node)
        _record(upstream, "upstream.remove", actor=actor, now=now, details={"url": upstream.url})
        upstream.delete()


def find_upstream(*, node: Node) -> DirectUpstream:
    """
    The node's address, whatever its state.

    :raises core.errors.NotFound: if it has none
    """
    upstream = DirectUpstream.objects.select_related("node__organization").filter(node=node).first()
    if upstream is None:
        raise NotFound
    return upstream


def admit_upstream(*, upstream: DirectUpstream, operator: User, now: datetime) -> None:
    """
    Let the address be called from now on.

    :raises core.addresses.AddressRefused: if its host has an address that is not public
    :raises core.addresses.HostUnknown: if it has none
    :raises UpstreamDecided: if it is admitted already, or changed meanwhile
    """
    origin, _ = read_address(upstream.url)
    find_addresses(origin.host, origin.port)
    _decide(upstream, DirectUpstream.State.ADMITTED, operator=operator, now=now)


def refuse_upstream(*, upstream: DirectUpstream, operator: User, now: datetime) -> None:
    """
    Let the address not be called, from now on if it was.

    :raises UpstreamDecided: if it is refused already, or changed meanwhile
    """
    _decide(upstream, DirectUpstream.State.REFUSED, operator=operator, now=now)


def reseal_credentials() -> tuple[int, list[DirectUpstream]]:
    """
    Encrypt every credential with the newest key that is not yet.

    :returns: how many were changed, and those that no key of ours opens
    """
    vault = open_vault()
    changed, unreadable = 0, []
    left = DirectUpstream.objects.exclude(key_id=vault.key_ids[0]).order_by("pk").values_list("pk", flat=True)
    for pk in list(left):
        with transaction.atomic():
            # One at a time, locked: a credential that its provider changes meanwhile is not written back.
            upstream = DirectUpstream.objects.select_for_update().filter(pk=pk).first()
            if upstream is None or upstream.key_id == vault.key_ids[0]:
                continue
            try:
                sealed: Sealed = vault.reseal(bytes(upstream.credential))
            except CredentialUnreadable:
                unreadable.append(upstream)
                continue
            upstream.credential, upstream.key_id = sealed.token, sealed.key_id
            upstream.save(update_fields=["credential", "key_id"])
            changed += 1
    return changed, unreadable


def open_vault() -> Vault:
    """What seals credentials, with the keys of the settings."""
    return Vault(settings.CREDENTIAL_KEYS)


def _decide(upstream: DirectUpstream, state: DirectUpstream.State, *, operator: User, now: datetime) -> None:
    with transaction.atomic():
        # What the operator looked at is what is decided.
        seen = DirectUpstream.objects.filter(pk=upstream.pk, url=upstream.url, state=upstream.state)
        if upstream.state == state or not seen.update(state=state, decided_at=now, decided_by=operator):
            raise UpstreamDecided
        verb = "admit" if state == DirectUpstream.State.ADMITTED else "refuse"
        details = {"url": upstream.url, "before": upstream.state}
        _record(upstream, f"upstream.{verb}", actor=Actor.from_user(operator), now=now, details=details)
    upstream.refresh_from_db()


def _record(
    upstream: DirectUpstream, action: str, *, actor: Actor, now: datetime, details: dict[str, Any]
) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="node",
        subject_uid=upstream.node.uid,
        organization=upstream.node.organization,
        now=now,
        details=details,
    )

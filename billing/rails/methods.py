"""Where providers want to be paid: accounts on rails in an order of preference, their details encrypted."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils.crypto import salted_hmac
from psycopg import errors

from accounts import audit
from accounts.access import get_or_refuse
from accounts.audit import Actor
from accounts.models import Organization
from billing.models import Currency, PayoutMethod
from billing.rails import registry
from billing.rails.choice import Choice, choose_method
from billing.rails.protocol import DetailRefused
from billing.rails.terms import TERMS
from core import ids
from core.credentials import Vault
from core.errors import DomainError, Invalid

COOLING = timedelta(hours=72)
"""Whoever takes over an owner's account cannot turn its payouts to another at once."""
METHODS_MAX = 20
REASON_LENGTH_MAX = 500
State = PayoutMethod.State


class MethodNotSupported(Invalid):
    """The rail does not pay this currency there; `reason` is a code."""

    code = "method_not_supported"


class MethodKnown(DomainError):
    """The same account is there already."""

    code = "method_known"
    message = "This account is listed already. Remove it first if its details have changed."


class TooManyMethods(DomainError):
    """More than anybody needs."""

    code = "too_many_methods"
    message = f"There are {METHODS_MAX} methods already; remove one first."


class OrderIncomplete(Invalid):
    """An order names each method of the organization once."""

    code = "order_incomplete"
    message = "Name each of your methods once."


class MethodRetired(DomainError):
    """It was removed and stays so."""

    code = "method_retired"
    message = "This method was removed."


class SecondPersonNeeded(DomainError):
    """Whoever added a method does not check it."""

    code = "second_person_needed"
    message = "Somebody else than who added it has to check it."


class MethodChanged(DomainError):
    """A payout was agreed to for a method that is not what it was."""

    code = "method_changed"
    message = "The payout's method has changed since it was agreed to."


def add_method(
    *,
    organization: Organization,
    rail: str,
    currency: str,
    country: str,
    details: Mapping[str, str],
    actor: Actor,
    now: datetime,
) -> PayoutMethod:
    """
    Add where a provider wants to be paid; last in its order, and to be checked before anything is paid there.

    :raises billing.rails.registry.RailUnknown: if there is no such rail
    :raises MethodNotSupported: if it does not pay this currency into this country
    :raises billing.rails.protocol.DetailRefused: naming the detail that is missing or wrong
    :raises MethodKnown: if the same account is listed already
    :raises TooManyMethods: if there are many already
    """
    way = registry.find_rail(rail)
    if not Currency.objects.filter(code=currency).exists():
        raise DetailRefused("This currency is not kept here.", field="currency")
    refusal = TERMS.find_refusal(rail=rail, currency=currency, country=country)
    if refusal is not None:
        raise MethodNotSupported(refusal.message, reason=refusal.code)
    checked = way.validate(details, currency=currency, country=country)
    if len(list_methods(organization_id=organization.pk)) >= METHODS_MAX:
        raise TooManyMethods
    uid = ids.make_uid()
    sealed = open_vault().seal(json.dumps(dict(checked.values), sort_keys=True), purpose=name_purpose(uid))
    values: list[Any] = [uid, organization.pk, rail, currency, country, sealed.token, sealed.key_id]
    values += [make_fingerprint(rail, checked.identity), checked.hint, actor.uid, now, now + COOLING]
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                marks = ", ".join(["%s"] * len(values))
                cursor.execute(f"SELECT add_payout_method_v1({marks})", values)
                made = PayoutMethod.objects.get(pk=cursor.fetchone()[0])
            _record(made, "payout_method.add", organization, actor=actor, now=now)
    except DatabaseError as error:
        cause = error.__cause__
        if isinstance(cause, errors.UniqueViolation) and cause.diag.constraint_name == "payout_method_once":
            raise MethodKnown from error
        raise
    return made


def list_methods(*, organization_id: int, currency: str | None = None) -> list[PayoutMethod]:
    """Methods that were not removed, in order of preference; of one currency, or of all."""
    rows = PayoutMethod.objects.filter(organization_id=organization_id).exclude(state=State.RETIRED)
    if currency is not None:
        rows = rows.filter(currency=currency)
    return list(rows.order_by("rank", "id"))


def list_methods_of(*, organization_ids: Sequence[int], currency: str) -> dict[int, list[PayoutMethod]]:
    """The same for many organizations at once; those without a method are left out."""
    rows = PayoutMethod.objects.filter(organization_id__in=organization_ids, currency=currency)
    found: dict[int, list[PayoutMethod]] = defaultdict(list)
    for row in rows.exclude(state=State.RETIRED).defer("details").order_by("rank", "id"):
        found[row.organization_id].append(row)
    return dict(found)


def choose(
    *,
    methods: Iterable[PayoutMethod],
    amount: Decimal,
    currency: str,
    may_receive: bool,
    now: datetime,
) -> Choice[PayoutMethod]:
    """By which method a provider is paid, with the rails and rules that there are; see `choose_method`."""
    return choose_method(
        methods=methods,
        amount=amount,
        currency=currency,
        terms=TERMS,
        may_receive=may_receive,
        now=now,
    )


def find_method(*, organization: Organization, uid: UUID | str) -> PayoutMethod:
    """
    A method of an organization.

    :raises core.errors.NotFound: if it has none with this uid
    """
    return get_or_refuse(PayoutMethod.objects.filter(organization=organization), uid=uid)


def require_payable(
    *, method_id: int | None, organization_id: int, currency: str, now: datetime
) -> PayoutMethod:
    """
    The method that a payout was agreed to for, if it may be paid now.

    :raises MethodChanged: if it was removed or blocked since, or is another provider's
    """
    found = PayoutMethod.objects.filter(id=method_id or 0, organization_id=organization_id).first()
    if found is None:
        raise MethodChanged
    chosen = choose(methods=[found], amount=Decimal(0), currency=currency, may_receive=True, now=now)
    if chosen.method is None:
        raise MethodChanged(f"The payout cannot go there now. {chosen.rejected[0].refusal.message}")
    return found


def order_methods(
    *, organization: Organization, uids: Sequence[UUID], actor: Actor, now: datetime
) -> list[PayoutMethod]:
    """
    Set the order of preference: all methods of the organization, the first to be tried first.

    :raises OrderIncomplete: if one is missing, unknown, or named twice
    """
    with transaction.atomic():
        # Two orders at once take turns.
        Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
        mine = {method.uid: method.pk for method in list_methods(organization_id=organization.pk)}
        if sorted(uids) != sorted(mine):
            raise OrderIncomplete
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT order_payout_methods_v1(%s, %s::bigint[])",
                [organization.pk, [mine[uid] for uid in uids]],
            )
            if cursor.fetchone()[0] != len(mine):
                # One was removed in between.
                raise OrderIncomplete
        audit.record_event(
            actor=actor,
            action="payout_method.order",
            subject_kind="organization",
            subject_uid=organization.uid,
            organization=organization,
            now=now,
            details={"methods": [str(uid) for uid in uids]},
        )
    return list_methods(organization_id=organization.pk)


def retire_method(*, method: PayoutMethod, actor: Actor, now: datetime) -> PayoutMethod:
    """Remove it; payouts that were agreed to for it are refused from now on. A repeat changes nothing."""
    return _move(method, State.RETIRED, "", actor=actor, now=now)


def verify_method(*, method: PayoutMethod, actor: Actor, now: datetime) -> PayoutMethod:
    """
    Note that it was checked to be the provider's own; it is paid once its cooling time is over.

    :raises MethodRetired: if it was removed
    :raises SecondPersonNeeded: if the actor added it
    """
    return _move(method, State.READY, "", actor=actor, now=now)


def block_method(*, method: PayoutMethod, reason: str, actor: Actor, now: datetime) -> PayoutMethod:
    """
    Pay nothing there, for a reason that its owner reads; payouts go by the next method.

    :raises core.errors.Invalid: without a reason
    :raises MethodRetired: if it was removed
    """
    if not reason.strip():
        raise Invalid("Say why.")
    return _move(method, State.BLOCKED, reason.strip()[:REASON_LENGTH_MAX], actor=actor, now=now)


def open_details(method: PayoutMethod) -> dict[str, str]:
    """
    Where exactly a method pays: what was checked when it was added.

    :raises core.credentials.CredentialUnreadable: if no key of ours opens it
    """
    text = open_vault().open(bytes(method.details), purpose=name_purpose(method.uid))
    details: dict[str, str] = json.loads(text)
    return details


def reseal_methods() -> int:
    """Encrypt with the newest key what was encrypted with an older one; answers how many."""
    vault = open_vault()
    rows = PayoutMethod.objects.exclude(key_id=vault.key_ids[0]).order_by("pk")
    changed = 0
    for row in list(rows):
        sealed = vault.reseal(bytes(row.details))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reseal_payout_method_v1(%s, %s, %s)", [row.pk, sealed.token, sealed.key_id]
            )
        changed += 1
    return changed


def open_vault() -> Vault:
    """What seals details, with the keys of the settings."""
    return Vault(settings.CREDENTIAL_KEYS)


def name_purpose(uid: UUID) -> str:
    """What sealed details belong to."""
    return f"payout_method:{uid}"


def make_fingerprint(rail: str, identity: str) -> str:
    """Tells an account again without saying which; keyed, because account numbers can be tried one by one."""
    return salted_hmac("payout_method", f"{rail}\0{identity}", algorithm="sha256").hexdigest()


def _move(
    method: PayoutMethod, state: PayoutMethod.State, reason: str, *, actor: Actor, now: datetime
) -> PayoutMethod:
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT move_payout_method_v1(%s, %s, %s, %s, %s)",
                    [method.pk, state.value, reason, actor.uid, now],
                )
                moved = bool(cursor.fetchone()[0])
            stands = PayoutMethod.objects.select_related("organization").get(pk=method.pk)
            if stands.state == State.RETIRED != state:
                raise MethodRetired
            if moved:
                deed = f"payout_method.{DEEDS[state]}"
                _record(stands, deed, stands.organization, actor=actor, now=now, reason=reason)
    except DatabaseError as error:
        cause = error.__cause__
        if isinstance(cause, errors.CheckViolation) and cause.diag.constraint_name == "payout_method_by_two":
            raise SecondPersonNeeded from error
        raise
    return stands


DEEDS = {State.READY: "verify", State.BLOCKED: "block", State.RETIRED: "retire"}


def _record(
    method: PayoutMethod,
    action: str,
    organization: Organization,
    *,
    actor: Actor,
    now: datetime,
    **details: str,
) -> None:
    known = {"rail": method.rail, "currency": method.currency, "country": method.country, "hint": method.hint}
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="payout_method",
        subject_uid=method.uid,
        organization=organization,
        now=now,
        details=known | details,
    )

"""Where providers want to be paid: kept once, in order, checked by a second person, never changed."""

from datetime import datetime, timedelta

import pytest
from django.conf import settings

from accounts.audit import SYSTEM, Actor
from accounts.models import AuditEvent, Organization
from billing.models import PayoutMethod
from billing.rails import methods
from billing.rails.protocol import DetailRefused
from core.errors import NotFound
from tests.api.conftest import make_operator
from tests.cast import NOW

pytestmark = [pytest.mark.sql, pytest.mark.usefixtures("db")]
LATER = NOW + methods.COOLING


def add(
    farm: Organization, *, actor: Actor = SYSTEM, name: str = "Sun Farm", currency: str = "USD"
) -> PayoutMethod:
    return methods.add_method(
        organization=farm,
        rail="manual",
        currency="USD",
        country="CN",
        details={"name": name, "instructions": "By cheque to the usual address"},
        actor=actor,
        now=NOW,
    )


def test_details_are_encrypted_and_opened_for_their_own_row_only(farm: Organization) -> None:
    made = add(farm)
    other = add(farm, name="Moon Farm")

    assert methods.open_details(made) == {
        "name": "Sun Farm",
        "instructions": "By cheque to the usual address",
    }
    assert b"cheque" not in bytes(made.details)
    other.details = made.details
    with pytest.raises(Exception, match="sealed for something else"):
        methods.open_details(other)


def test_the_same_account_is_listed_once_until_it_is_removed(farm: Organization) -> None:
    made = add(farm)
    with pytest.raises(methods.MethodKnown):
        add(farm)

    methods.retire_method(method=made, actor=SYSTEM, now=NOW)

    assert add(farm).fingerprint == made.fingerprint


def test_a_missing_detail_is_named(farm: Organization) -> None:
    with pytest.raises(DetailRefused) as refused:
        methods.add_method(
            organization=farm,
            rail="manual",
            currency="USD",
            country="CN",
            details={"name": " "},
            actor=SYSTEM,
            now=NOW,
        )

    assert refused.value.extra == {"field": "name"}


def test_methods_are_tried_in_their_owners_order(farm: Organization, lab: Organization) -> None:
    first, second = add(farm, name="One"), add(farm, name="Two")
    foreign = add(lab, name="Three")

    methods.order_methods(organization=farm, uids=[second.uid, first.uid], actor=SYSTEM, now=NOW)

    assert methods.list_methods(organization_id=farm.pk) == [second, first]
    assert methods.list_methods_of(organization_ids=[farm.pk, lab.pk], currency="USD") == {
        farm.pk: [second, first],
        lab.pk: [foreign],
    }
    for wrong in ([first.uid], [first.uid, first.uid], [first.uid, foreign.uid]):
        with pytest.raises(methods.OrderIncomplete):
            methods.order_methods(organization=farm, uids=wrong, actor=SYSTEM, now=NOW)


def test_another_person_checks_a_method_and_it_cools_before_it_is_paid(farm: Organization) -> None:
    ann = Actor.from_user(make_operator(name="ann"))
    bob = Actor.from_user(make_operator(name="bob"))
    made = add(farm, actor=ann)
    with pytest.raises(methods.SecondPersonNeeded):
        methods.verify_method(method=made, actor=ann, now=NOW)

    ready = methods.verify_method(method=made, actor=bob, now=NOW)

    def require(now: datetime, organization_id: int = farm.pk) -> PayoutMethod:
        return methods.require_payable(
            method_id=made.pk, organization_id=organization_id, currency="USD", now=now
        )

    assert (ready.state, ready.verified_by) == ("READY", bob.uid)
    with pytest.raises(methods.MethodChanged, match="short time ago"):
        require(LATER - timedelta(seconds=1))
    assert require(LATER) == made
    with pytest.raises(methods.MethodChanged):
        require(LATER, organization_id=farm.pk + 1)


def test_a_removed_method_is_paid_no_more_and_stays_removed(farm: Organization) -> None:
    made = add(farm)
    methods.verify_method(method=made, actor=SYSTEM, now=NOW)
    methods.retire_method(method=made, actor=SYSTEM, now=NOW)
    methods.retire_method(method=made, actor=SYSTEM, now=NOW)

    with pytest.raises(methods.MethodRetired):
        methods.verify_method(method=made, actor=SYSTEM, now=NOW)
    with pytest.raises(methods.MethodChanged, match="removed"):
        methods.require_payable(method_id=made.pk, organization_id=farm.pk, currency="USD", now=LATER)
    assert [event.action for event in AuditEvent.objects.order_by("pk")][-3:] == [
        "payout_method.add",
        "payout_method.verify",
        "payout_method.retire",
    ]


def test_a_blocked_method_tells_its_owner_why(farm: Organization) -> None:
    made = add(farm)

    blocked = methods.block_method(method=made, reason="The bank sent it back.", actor=SYSTEM, now=NOW)

    assert (blocked.state, blocked.reason) == ("BLOCKED", "The bank sent it back.")
    assert methods.find_method(organization=farm, uid=made.uid) == blocked


def test_a_foreign_method_is_not_found(farm: Organization, lab: Organization) -> None:
    with pytest.raises(NotFound):
        methods.find_method(organization=lab, uid=add(farm).uid)


def test_details_are_sealed_anew_with_the_newest_key(
    farm: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = add(farm)
    newest = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="
    monkeypatch.setattr(settings, "CREDENTIAL_KEYS", (newest, *settings.CREDENTIAL_KEYS))

    assert methods.reseal_methods() == 1
    assert methods.reseal_methods() == 0

    monkeypatch.setattr(settings, "CREDENTIAL_KEYS", (newest,))
    assert methods.open_details(PayoutMethod.objects.get(pk=made.pk))["name"] == "Sun Farm"

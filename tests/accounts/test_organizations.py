"""Organizations are founded, joined and left, and never lose their last owner."""

import threading
from datetime import datetime

import pytest
from django.db import IntegrityError, connection

from accounts import keys, organizations, projects
from accounts.access import Permission
from accounts.audit import SYSTEM, Actor
from accounts.models import ApiKey, AuditEvent, Membership, Organization, Role, User
from core.errors import NotFound
from tests.accounts.conftest import join
from tests.databases import Database


def test_a_founder_becomes_the_owner(db: Database, now: datetime) -> None:
    founder = User.objects.create_user(email="Founder@Lab.example ")

    lab = organizations.create_organization(name=" Lab ", country="se", owner=founder, now=now)

    assert (lab.name, lab.country) == ("Lab", "SE")
    assert Membership.objects.get(organization=lab, user=founder).role == Role.OWNER
    assert founder.email == "founder@lab.example"


def test_founding_and_joining_are_in_the_audit_trail(db: Database, now: datetime) -> None:
    founder = User.objects.create_user(email="founder@lab.example")

    lab = organizations.create_organization(name="Lab", country="SE", owner=founder, now=now)

    events = AuditEvent.objects.filter(organization=lab).order_by("id")
    assert [(event.action, event.actor_uid, event.happened_at) for event in events] == [
        ("organization.create", founder.uid, now),
        ("member.add", founder.uid, now),
    ]


@pytest.mark.parametrize(
    ("name", "country"), [("", "SE"), ("  ", "SE"), ("Lab", "SWE"), ("Lab", "1"), ("Lab", "ÅÄ")]
)
def test_an_organization_without_a_name_or_a_country_is_refused(
    db: Database, now: datetime, name: str, country: str
) -> None:
    with pytest.raises(organizations.InvalidOrganization):
        organizations.create_organization(name=name, country=country, now=now)


def test_a_member_joins_once(lab: Organization, owner: User, now: datetime) -> None:
    with pytest.raises(organizations.AlreadyMember):
        organizations.add_member(organization=lab, user=owner, role=Role.MEMBER, actor=SYSTEM, now=now)

    assert Membership.objects.get(organization=lab, user=owner).role == Role.OWNER


def test_a_role_is_changed_and_recorded(lab: Organization, owner: User, now: datetime) -> None:
    member = join(lab, "member@lab.example", Role.MEMBER)
    membership = Membership.objects.get(user=member)

    organizations.change_role(membership=membership, role=Role.FINANCE, actor=Actor.from_user(owner), now=now)

    membership.refresh_from_db()
    assert membership.role == Role.FINANCE
    event = AuditEvent.objects.get(action="member.change_role")
    assert event.details == {"before": "MEMBER", "after": "FINANCE"}
    assert event.actor_uid == owner.uid


def test_a_member_leaves(lab: Organization, owner: User, now: datetime) -> None:
    member = join(lab, "member@lab.example", Role.MEMBER)

    organizations.remove_member(membership=Membership.objects.get(user=member), actor=SYSTEM, now=now)

    assert not Membership.objects.filter(user=member).exists()
    assert AuditEvent.objects.get(action="member.remove").subject_uid == member.uid


def test_keys_stay_in_the_project_of_a_member_who_leaves(
    lab: Organization, fund: Organization, owner: User, now: datetime
) -> None:
    member = join(lab, "member@lab.example", Role.MEMBER)
    night, day = (
        projects.create_project(organization=lab, name=name, actor=SYSTEM, now=now)
        for name in ("night", "day")
    )
    membership = Membership.objects.get(user=member)
    projects.move_member(membership=membership, project=night, actor=SYSTEM, now=now)
    hers, placed, revoked, elsewhere = (
        keys.issue_key(organization=place, name="hers", actor=Actor.from_user(member), now=now).key
        for place in (lab, lab, lab, fund)
    )
    other = keys.issue_key(organization=lab, name="other", actor=Actor.from_user(owner), now=now).key
    projects.move_key(key=placed, project=day, actor=SYSTEM, now=now)
    keys.revoke_key(key=revoked, actor=SYSTEM, now=now)

    organizations.remove_member(membership=membership, actor=Actor.from_user(owner), now=now)

    found = dict(ApiKey.objects.values_list("pk", "project_id"))
    assert found == {
        hers.pk: night.pk,
        placed.pk: day.pk,
        **dict.fromkeys((revoked.pk, elsewhere.pk, other.pk)),
    }
    event = AuditEvent.objects.filter(action="key.move").latest("id")
    assert (event.subject_uid, event.actor_uid) == (hers.uid, owner.uid)
    assert event.details == {"project": str(night.uid)}


def test_the_last_owner_neither_steps_down_nor_leaves(lab: Organization, owner: User, now: datetime) -> None:
    membership = Membership.objects.get(user=owner)

    with pytest.raises(organizations.LastOwner):
        organizations.change_role(membership=membership, role=Role.ADMIN, actor=SYSTEM, now=now)
    with pytest.raises(organizations.LastOwner):
        organizations.remove_member(membership=membership, actor=SYSTEM, now=now)

    membership.refresh_from_db()
    assert membership.role == Role.OWNER


def test_the_last_owner_may_stay_owner(lab: Organization, owner: User, now: datetime) -> None:
    membership = Membership.objects.get(user=owner)

    organizations.change_role(membership=membership, role=Role.OWNER, actor=SYSTEM, now=now)

    assert Membership.objects.get(user=owner).role == Role.OWNER


def test_a_membership_that_has_ended_cannot_be_changed(lab: Organization, owner: User, now: datetime) -> None:
    member = join(lab, "member@lab.example", Role.MEMBER)
    membership = Membership.objects.get(user=member)
    Membership.objects.filter(pk=membership.pk).delete()

    with pytest.raises(NotFound):
        organizations.change_role(membership=membership, role=Role.ADMIN, actor=SYSTEM, now=now)


@pytest.mark.race
def test_two_owners_cannot_both_leave_at_once(lab: Organization, owner: User, now: datetime) -> None:
    second = join(lab, "second@lab.example", Role.OWNER)
    together = threading.Barrier(2)
    refused: list[Exception] = []

    def leave(user: User) -> None:
        try:
            membership = Membership.objects.get(user=user)
            together.wait(5)
            organizations.remove_member(membership=membership, actor=SYSTEM, now=now)
        except organizations.LastOwner as refusal:
            refused.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=leave, args=[user]) for user in (owner, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert Membership.objects.filter(organization=lab, role=Role.OWNER).count() == 1


@pytest.mark.parametrize("role", list(Role))
def test_only_those_who_manage_owners_appoint_them(role: Role) -> None:
    needed = organizations.permission_to_appoint(role)

    assert (needed is Permission.MANAGE_OWNERS) == (role is Role.OWNER)


@pytest.mark.sql
@pytest.mark.parametrize(
    ("table", "change"),
    [
        (Organization, {"country": "se"}),
        (Organization, {"country": "S"}),
        (Organization, {"name": ""}),
        (Membership, {"role": "KING"}),
        (User, {"email": "Owner@lab.example"}),
    ],
)
def test_the_database_refuses_what_must_never_be(
    owner: User, table: type[Organization], change: dict[str, str]
) -> None:
    with pytest.raises(IntegrityError):
        table.objects.update(**change)


@pytest.mark.sql
def test_the_database_refuses_a_second_membership(lab: Organization, owner: User) -> None:
    with pytest.raises(IntegrityError):
        Membership.objects.create(organization=lab, user=owner, role=Role.MEMBER)


def test_a_person_is_found_however_the_address_is_written(owner: User) -> None:
    assert User.objects.get_by_natural_key(" OWNER@lab.example") == owner


def test_a_person_needs_an_address(db: Database) -> None:
    with pytest.raises(ValueError, match="e-mail"):
        User.objects.create_user(email="")


def test_a_person_without_a_password_cannot_sign_in(db: Database) -> None:
    assert not User.objects.create_user(email="a@lab.example").has_usable_password()

"""Invitations give what their sender may give, once, to whoever reads the mail."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.db import IntegrityError, connection, transaction

from accounts import audit, invitations, organizations, people, projects
from accounts.access import ALLOWED, NotAllowed
from accounts.invitations import InvitationEnded, MailUnsent, OtherAddress, TooManyInvitations
from accounts.models import AuditEvent, Invitation, Membership, Organization, Role, User
from core.errors import DomainError, NotFound
from tests.accounts.conftest import join

ADDRESS = "newcomer@example.org"


@pytest.fixture
def newcomer(lab: Organization) -> User:
    user = User.objects.create_user(ADDRESS, "correct horse battery")
    people.vouch_for_address(user=user)
    return user


def invite(lab: Organization, inviter: User, now: datetime, **changes: Any) -> str:
    """Invite somebody; gives the token of the link."""
    tokens: list[str] = []

    def write_link(token: str) -> str:
        tokens.append(token)
        return f"https://here/{token}"

    wanted: dict[str, Any] = {"email": ADDRESS, "role": Role.MEMBER, **changes}
    invitations.invite(
        organization=lab,
        inviter=inviter,
        now=now,
        write_link=write_link,
        **wanted,
    )
    return tokens[0]


def test_the_link_is_mailed_and_only_its_digest_kept(
    lab: Organization, owner: User, now: datetime, outbox: list[EmailMessage]
) -> None:
    token = invite(lab, owner, now, email="Newcomer@Example.org")

    sent = outbox[-1]
    kept = Invitation.objects.get()
    assert (sent.to, token in str(sent.body)) == ([ADDRESS], True)
    assert "Lab" in sent.subject
    assert token.encode() not in bytes(kept.digest)
    event = AuditEvent.objects.get(action="invitation.create")
    assert (event.subject_uid, ADDRESS in str(event.details)) == (kept.uid, False)


def test_it_is_accepted_once_and_leads_into_its_project(
    lab: Organization, owner: User, newcomer: User, now: datetime
) -> None:
    night = projects.create_project(organization=lab, name="night", actor=audit.SYSTEM, now=now)
    token = invite(lab, owner, now, role=Role.FINANCE, project=night)

    made = invitations.accept_invitation(token=token, user=newcomer, now=now)

    assert (made.role, made.project) == (Role.FINANCE, night)
    organizations.remove_member(membership=made, actor=audit.SYSTEM, now=now)
    with pytest.raises(InvitationEnded):
        invitations.accept_invitation(token=token, user=newcomer, now=now)


def test_of_many_clicks_at_once_one_accepts(
    lab: Organization, owner: User, newcomer: User, now: datetime
) -> None:
    token, clicks = invite(lab, owner, now), 6
    start = Barrier(clicks)

    def accept(_: int) -> str:
        try:
            start.wait()
            invitations.accept_invitation(token=token, user=newcomer, now=now)
        except DomainError as refusal:
            return refusal.code
        finally:
            connection.close()
        return "accepted"

    with ThreadPoolExecutor(clicks) as pool:
        outcomes = sorted(pool.map(accept, range(clicks)))

    assert outcomes == ["accepted", *["invitation_ended"] * (clicks - 1)]


def test_nobody_else_accepts_it_nor_an_address_that_is_not_confirmed(
    lab: Organization, owner: User, stranger: User, newcomer: User, now: datetime
) -> None:
    token = invite(lab, owner, now)
    EmailAddress.objects.filter(user=newcomer).update(verified=False)

    for user in (stranger, newcomer):
        with pytest.raises(OtherAddress):
            invitations.accept_invitation(token=token, user=user, now=now)

    assert not Membership.objects.filter(organization=lab, user=newcomer).exists()


def spoil(how: str, lab: Organization, owner: User, inviter: User, now: datetime) -> None:
    membership = Membership.objects.get(organization=lab, user=inviter)
    if how == "revoked":
        invitations.revoke_invitation(
            organization=lab,
            uid=Invitation.objects.get().uid,
            actor=audit.SYSTEM,
            now=now,
            granted=ALLOWED[Role.OWNER],
        )
    elif how == "replaced":
        invite(lab, owner, now)
    elif how == "sender demoted":
        organizations.change_role(membership=membership, role=Role.ADMIN, actor=audit.SYSTEM, now=now)
    elif how == "sender removed":
        organizations.remove_member(membership=membership, actor=audit.SYSTEM, now=now)
    elif how == "sender barred":
        User.objects.filter(pk=inviter.pk).update(is_active=False)


@pytest.mark.parametrize(
    "how", ["revoked", "replaced", "sender demoted", "sender removed", "sender barred", "late"]
)
def test_it_ends(lab: Organization, owner: User, newcomer: User, now: datetime, how: str) -> None:
    inviter = join(lab, "second@lab.example", Role.OWNER)
    token = invite(lab, inviter, now, role=Role.OWNER)
    spoil(how, lab, owner, inviter, now)
    late = invitations.OPEN_FOR if how == "late" else timedelta(0)

    with pytest.raises(InvitationEnded):
        invitations.accept_invitation(token=token, user=newcomer, now=now + late)

    assert not Membership.objects.filter(organization=lab, user=newcomer).exists()


def test_an_admin_takes_no_owners_invitation_back(
    lab: Organization, fund: Organization, owner: User, now: datetime
) -> None:
    invite(lab, owner, now, role=Role.OWNER)
    wanted: dict[str, Any] = {"uid": Invitation.objects.get().uid, "actor": audit.SYSTEM, "now": now}

    with pytest.raises(NotAllowed):
        invitations.revoke_invitation(organization=lab, granted=ALLOWED[Role.ADMIN], **wanted)
    with pytest.raises(NotFound):
        invitations.revoke_invitation(organization=fund, granted=ALLOWED[Role.OWNER], **wanted)


def test_an_organization_and_a_person_send_so_many_a_day(
    lab: Organization, fund: Organization, owner: User, stranger: User, now: datetime
) -> None:
    for number in range(invitations.INVITATIONS_MAX):
        invite(lab, owner, now, email=f"a{number}@example.org")
    organizations.add_member(organization=fund, user=owner, role=Role.OWNER, actor=audit.SYSTEM, now=now)
    organizations.add_member(organization=lab, user=stranger, role=Role.OWNER, actor=audit.SYSTEM, now=now)

    for organization, inviter in ((lab, owner), (lab, stranger), (fund, owner)):
        with pytest.raises(TooManyInvitations):
            invite(organization, inviter, now)

    assert invite(lab, owner, now + invitations.RATE_SPAN)


def test_addresses_are_forgotten_after_a_while(lab: Organization, owner: User, now: datetime) -> None:
    invite(lab, owner, now)

    invite(lab, owner, now + invitations.KEPT + timedelta(seconds=1), email="other@example.org")

    assert [one.email for one in Invitation.objects.all()] == ["other@example.org"]


def test_without_its_mail_there_is_no_invitation(
    lab: Organization, owner: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(invitations, "send_mail", refuse)

    with pytest.raises(MailUnsent):
        invite(lab, owner, now)

    assert not Invitation.objects.exists()


def test_a_name_begins_no_other_header(
    lab: Organization, owner: User, now: datetime, outbox: list[EmailMessage]
) -> None:
    Organization.objects.filter(pk=lab.pk).update(name="Lab\nBcc: all@example.org")
    lab.refresh_from_db()

    invite(lab, owner, now)

    assert (outbox[-1].to, "\n" in outbox[-1].subject) == ([ADDRESS], False)


def test_an_address_has_one_open_invitation_of_an_organization(
    lab: Organization, owner: User, now: datetime
) -> None:
    invite(lab, owner, now)
    row = Invitation.objects.get()

    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.create(
            organization=lab,
            email=row.email,
            role=row.role,
            digest=bytes(32),
            invited_by=owner,
            created_at=now,
            expires_at=now,
        )

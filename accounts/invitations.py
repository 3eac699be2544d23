"""
Invitations: an address is asked by mail, and whoever reads its mail decides.

Nobody learns from inviting whether an address has an account, and nobody becomes a member without a deed of
their own. What an invitation gives is what whoever sent it may still give when it is accepted.
"""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts import access, audit, organizations, people, projects
from accounts.access import ALLOWED, Permission
from accounts.audit import Actor
from accounts.models import Invitation, Membership, Organization, Project, Role, User
from core.errors import DomainError, Forbidden, NotFound

OPEN_FOR = timedelta(days=7)
TOKEN_BYTES = 32
RATE_SPAN = timedelta(days=1)
INVITATIONS_MAX = 50
"""Sent in `RATE_SPAN` for an organization, and by a person."""
KEPT = timedelta(days=30)
"""How long the address of somebody invited is kept."""


class TooManyInvitations(DomainError):
    """More mail to strangers than anybody needs to send."""

    status = 429
    code = "too_many_invitations"
    message = f"No more than {INVITATIONS_MAX} invitations are sent in a day. Try again tomorrow."


class MailUnsent(DomainError):
    """The invitation could not be mailed, so there is none."""

    status = 503
    code = "mail_unsent"
    message = "The invitation could not be mailed. Try again later."


class InvitationEnded(NotFound):
    """It was accepted, revoked or replaced, is too old or none, or its sender may not give this any more."""

    code = "invitation_ended"
    message = "This invitation is not valid any more. Ask for another one."


class OtherAddress(Forbidden):
    """The person who is signed in has not shown to read mail at the invited address."""

    code = "other_address"
    message = "Sign in with the address that the invitation was sent to, and confirm that address."


def invite(
    *,
    organization: Organization,
    email: str,
    role: Role,
    inviter: User,
    now: datetime,
    write_link: Callable[[str], str],
    project: Project | None = None,
) -> Invitation:
    """
    Ask whoever reads mail at `email` to become a member. An open invitation of that address is replaced. The
    caller has checked that the inviter may appoint, and move money if there is a project.

    :param write_link: the address of the page that takes this token
    :raises organizations.AlreadyMember: if a member has this address, which members see anyway
    :raises TooManyInvitations: if the organization or the person sent too many lately
    :raises MailUnsent: if the mail is not taken; then nothing is kept
    """
    email, token = email.strip().lower(), secrets.token_urlsafe(TOKEN_BYTES)
    with transaction.atomic():
        _lock(organization)
        if Membership.objects.filter(organization=organization, user__email=email).exists():
            raise organizations.AlreadyMember
        mine = Q(organization=organization) | Q(invited_by=inviter)
        if Invitation.objects.filter(mine, created_at__gt=now - RATE_SPAN).count() >= INVITATIONS_MAX:
            raise TooManyInvitations
        old = Invitation.objects.filter(organization=organization)
        old.filter(created_at__lt=now - KEPT).delete()
        old.filter(email=email, accepted_at=None, revoked_at=None).update(revoked_at=now)
        made = Invitation.objects.create(
            organization=organization,
            email=email,
            role=role,
            project=project,
            digest=_digest(token),
            invited_by=inviter,
            created_at=now,
            expires_at=now + OPEN_FOR,
        )
        details = {"role": role.value, "project": str(project.uid) if project else None}
        _record(made, "invitation.create", actor=Actor.from_user(inviter), now=now, details=details)
        _send(made, write_link(token))
    return made


def list_open(*, organization: Organization, now: datetime) -> QuerySet[Invitation]:
    """The organization's invitations that can still be accepted."""
    return Invitation.objects.select_related("project").filter(
        organization=organization, accepted_at=None, revoked_at=None, expires_at__gt=now
    )


def revoke_invitation(
    *, organization: Organization, uid: UUID, actor: Actor, now: datetime, granted: frozenset[Permission]
) -> Invitation:
    """
    Take an open invitation back.

    :param granted: what the actor may do
    :raises core.errors.NotFound: if the organization has no such open invitation
    :raises access.NotAllowed: if it takes more to give its role
    """
    with transaction.atomic():
        _lock(organization)
        found = access.find_owned(
            list_open(organization=organization, now=now), organization=organization, uid=uid
        )
        access.require_permission(
            granted=granted, permission=organizations.permission_to_appoint(Role(found.role))
        )
        Invitation.objects.filter(pk=found.pk).update(revoked_at=now)
        _record(found, "invitation.revoke", actor=actor, now=now)
    return found


def find_invitation(*, token: str, user: User, now: datetime) -> Invitation:
    """
    The open invitation of this token, for the person it was sent to.

    :raises InvitationEnded: if it is not valid, or not any more
    :raises OtherAddress: if the person has not confirmed its address as their own
    """
    rows = Invitation.objects.select_related("organization", "project", "invited_by")
    found = rows.filter(digest=_digest(token), accepted_at=None, revoked_at=None, expires_at__gt=now).first()
    if found is None or not _may_still_give(found):
        raise InvitationEnded
    if not EmailAddress.objects.filter(user=user, email__iexact=found.email, verified=True).exists():
        raise OtherAddress
    return found


def accept_invitation(*, token: str, user: User, now: datetime) -> Membership:
    """
    Become a member, as invited.

    :raises InvitationEnded: if it is not valid, or not any more
    :raises OtherAddress: if the person has not confirmed its address as their own
    :raises organizations.AlreadyMember: if the person is one already
    :raises projects.ProjectArchived: if the project it names has ended
    """
    organization = find_invitation(token=token, user=user, now=now).organization
    actor = Actor.from_user(user)
    with transaction.atomic():
        # Read again behind the lock: it may have been revoked, or its sender removed, meanwhile.
        _lock(organization)
        found = find_invitation(token=token, user=user, now=now)
        Invitation.objects.filter(pk=found.pk).update(accepted_at=now)
        _record(found, "invitation.accept", actor=actor, now=now)
        made = organizations.add_member(
            organization=organization, user=user, role=Role(found.role), actor=actor, now=now
        )
        if found.project is not None:
            projects.move_member(membership=made, project=found.project, actor=actor, now=now)
    return made


def _may_still_give(invitation: Invitation) -> bool:
    sender = Membership.objects.filter(
        organization=invitation.organization, user=invitation.invited_by, user__is_active=True
    ).first()
    granted = ALLOWED[Role(sender.role)] if sender else frozenset[Permission]()
    needed = {organizations.permission_to_appoint(Role(invitation.role))}
    if invitation.project_id is not None:
        needed.add(Permission.MANAGE_MONEY)
    return needed <= granted


def _lock(organization: Organization) -> None:
    # Changes of members lock the same row.
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _send(invitation: Invitation, link: str) -> None:
    # A name may hold line breaks, which would begin other headers.
    said = {
        "organization": " ".join(invitation.organization.name.split()),
        "person": " ".join(people.find_display_name(invitation.invited_by).split()),
        "days": OPEN_FOR.days,
        "link": link,
    }
    subject = _("An invitation to %(organization)s") % said
    text = (
        _(
            "%(person)s invites you to %(organization)s at Jouleport. To accept, sign in or sign up with "
            "this address within %(days)s days, and open:\n\n%(link)s\n\nIf you do not know what this is "
            "about, you need not do anything."
        )
        % said
    )
    try:
        send_mail(people.MAIL_PREFIX + subject, text, None, [invitation.email])
    except (SMTPException, OSError) as failure:
        raise MailUnsent from failure


def _record(
    invitation: Invitation,
    action: str,
    *,
    actor: Actor,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> None:
    # Without the address: the trail is for ever, and this may be somebody who wants nothing of us.
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="invitation",
        subject_uid=invitation.uid,
        organization=invitation.organization,
        now=now,
        details=details,
    )

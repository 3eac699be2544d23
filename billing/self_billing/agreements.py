"""Whether a provider lets the platform issue its invoices: who said so, when, and to which words."""

from datetime import datetime

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing.models import BillingProfile, SelfBillingAgreement
from billing.self_billing import texts
from core import ids
from core.errors import DomainError, Invalid


class ProfileMissing(DomainError):
    """Nobody said what invoices of this provider have as name and address."""

    code = "no_billing_profile"
    message = "Say first what stands on your invoices: name, address, country and tax number."


class NotAPerson(DomainError):
    """Only people agree."""

    code = "person_needed"
    message = "Only a person can agree to this, signed in."


class VersionUnknown(Invalid):
    """Other words than those that are asked for now."""

    code = "agreement_changed"


class NoAgreement(DomainError):
    """There is none that stands."""

    code = "no_agreement"
    message = "There is no agreement that could be ended."


def find_agreement(*, organization: Organization) -> SelfBillingAgreement | None:
    """The one that stands."""
    return SelfBillingAgreement.objects.filter(organization=organization, ended_at=None).first()


def agree(*, organization: Organization, version: str, actor: Actor, now: datetime) -> SelfBillingAgreement:
    """
    Agree to self-billing for payouts that are planned from now on; to the same words once. Newer words take
    the place of older ones.

    :raises VersionUnknown: if these are not the words that are asked for now
    :raises NotAPerson: if no person agrees
    :raises ProfileMissing: if nobody said what stands on invoices of the organization
    """
    if version != texts.CURRENT:
        raise VersionUnknown(f"Read version {texts.CURRENT} of the agreement.", field="version")
    if actor.uid is None or actor.kind != "USER":
        raise NotAPerson
    if not BillingProfile.objects.filter(organization=organization).exists():
        raise ProfileMissing
    standing = find_agreement(organization=organization)
    if standing is not None and standing.version == version:
        return standing
    try:
        with transaction.atomic():
            if standing is not None:
                _end(standing, actor, now)
            made = SelfBillingAgreement.objects.create(
                uid=ids.make_uid(),
                organization=organization,
                version=version,
                sha256=texts.hash_text(version=version),
                agreed_by=actor.uid,
                agreed_at=now,
            )
            _record("self_billing.agree", made, actor, now)
    except IntegrityError:
        # A colleague agreed meanwhile.
        return SelfBillingAgreement.objects.get(organization=organization, ended_at=None)
    return made


def end(*, organization: Organization, actor: Actor, now: datetime) -> SelfBillingAgreement:
    """
    End it for payouts that are planned from now on; invoices that were issued stay.

    :raises NoAgreement: if none stands
    :raises NotAPerson: if no person ends it
    """
    if actor.uid is None or actor.kind != "USER":
        raise NotAPerson
    standing = find_agreement(organization=organization)
    if standing is None:
        raise NoAgreement
    with transaction.atomic():
        _end(standing, actor, now)
    return standing


def _end(standing: SelfBillingAgreement, actor: Actor, now: datetime) -> None:
    standing.ended_by, standing.ended_at = actor.uid, now
    ended = SelfBillingAgreement.objects.filter(pk=standing.pk, ended_at=None).update(
        ended_by=actor.uid, ended_at=now
    )
    if ended:
        _record("self_billing.end", standing, actor, now)


def _record(action: str, agreement: SelfBillingAgreement, actor: Actor, now: datetime) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="self_billing_agreement",
        subject_uid=agreement.uid,
        organization=agreement.organization,
        now=now,
        details={"version": agreement.version, "sha256": agreement.sha256},
    )

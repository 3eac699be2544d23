"""With which booking entity an organization deals: said by an operator before it has accounts elsewhere."""

from datetime import datetime

from django.db import DatabaseError, transaction
from psycopg import errors

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing.models import BookingEntity, OrganizationEntity
from core.errors import DomainError, Invalid

HOME = "HK"
"""With whom everybody deals who was given to nobody else."""
REASON_LENGTH_MAX = 500


class EntityFixed(DomainError):
    """The organization has accounts in another entity's books, and accounts never move."""

    code = "entity_fixed"
    message = "This organization has accounts in the books of another entity; they stay there."


def find_entity(*, organization: Organization) -> str:
    """The code of the entity that an organization deals with."""
    found = (
        OrganizationEntity.objects.filter(organization=organization).values_list("entity", flat=True).first()
    )
    return found or HOME


def assign_entity(
    *, organization: Organization, entity: str, reason: str, actor: Actor, now: datetime
) -> OrganizationEntity:
    """
    Let an organization deal with an entity: every account it opens from now on is in that entity's books.

    :raises core.errors.Invalid: if there is no such entity, or no reason is given
    :raises EntityFixed: if it has accounts in another entity's books
    """
    reason = reason.strip()
    if not 0 < len(reason) <= REASON_LENGTH_MAX:
        raise Invalid(f"Say why, in at most {REASON_LENGTH_MAX} characters.", field="reason")
    if not BookingEntity.objects.filter(code=entity).exists():
        raise Invalid("There is no such booking entity.", field="entity")
    before = find_entity(organization=organization)
    try:
        with transaction.atomic():
            assigned, _ = OrganizationEntity.objects.update_or_create(
                organization=organization, defaults={"entity_id": entity}
            )
            audit.record_event(
                actor=actor,
                action="organization_entity.assign",
                subject_kind="organization",
                subject_uid=organization.uid,
                organization=organization,
                now=now,
                details={"entity": entity, "before": before, "reason": reason},
            )
    except DatabaseError as error:
        cause = error.__cause__
        if isinstance(cause, errors.Error) and cause.diag.constraint_name == "organization_entity_fixed":
            raise EntityFixed from error
        raise
    return assigned

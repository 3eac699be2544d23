"""What papers and tax numbers are encrypted with, and how it is changed."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from billing.models import ComplianceDocument, TaxNumber
from core.credentials import CredentialUnreadable, Vault


def open_vault() -> Vault:
    """What seals them, with the keys of the settings."""
    return Vault(settings.CREDENTIAL_KEYS)


def name_document(uid: UUID) -> str:
    """What a sealed paper belongs to."""
    return f"compliance_document:{uid}"


def name_tax_number(uid: UUID) -> str:
    """What a sealed tax number belongs to."""
    return f"tax_number:{uid}"


def reseal() -> tuple[int, list[str]]:
    """
    Encrypt with the newest key what was encrypted with an older one.

    :returns: how many, and what is left because none of our keys opens it
    """
    done = [_reseal(model.objects.all()) for model in (ComplianceDocument, TaxNumber)]
    return sum(count for count, _ in done), [one for _, left in done for one in left]


def _reseal(rows: QuerySet[Any]) -> tuple[int, list[str]]:
    vault, left, count = open_vault(), [], 0
    # One at a time: papers are large.
    older = rows.exclude(key_id=vault.key_ids[0]).order_by("pk")
    for pk in list(older.values_list("pk", flat=True)):
        row = rows.get(pk=pk)
        try:
            sealed = vault.reseal(bytes(row.content))
        except CredentialUnreadable:
            left.append(f"{row._meta.db_table} {row.uid} (key {row.key_id})")
            continue
        count += rows.filter(pk=pk).update(content=sealed.token, key_id=sealed.key_id)
    return count, left

"""To whom invoices are made out, and who makes them out."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing.compliance.sealing import open_vault
from billing.models import BillingProfile, SellerProfile
from billing.statements import tax_ids
from core.errors import Invalid

LANGUAGES = ("en", "zh-hans")
SEALED = "gAAAA"
"""How what is encrypted begins; no tax number does, for they have capitals and digits alone."""
NAME_MAX, ADDRESS_MAX = 200, 500
EXAMPLE_NAME = "Example seller (not a company)"
EXAMPLE_ADDRESS = "No address: this exchange runs at a desk,\nand nobody owes what its documents say."


class ProfileInvalid(Invalid):
    """No name, no address, no country, or a language that invoices are not written in."""

    code = "invalid_billing_profile"


@dataclass(frozen=True, slots=True)
class Described:
    """What an organization says of itself; `address` has lines, `country` is ISO 3166-1 alpha-2."""

    name: str
    address: str
    country: str
    tax_id_kind: str = ""
    tax_id: str = ""
    language: str = "en"


def find_profile(*, organization: Organization) -> BillingProfile:
    """What was said, or what is known without: name and country (not stored)."""
    found = BillingProfile.objects.filter(organization=organization).first()
    return found or BillingProfile(
        organization=organization, name=organization.name, address="", country=organization.country
    )


def describe(
    *, organization: Organization, described: Described, actor: Actor, now: datetime
) -> BillingProfile:
    """
    Say to whom invoices are made out from now on; those that were issued stay.

    :raises ProfileInvalid: if something is missing or too long
    :raises billing.statements.tax_ids.TaxIdInvalid: if the tax number is none of its kind
    """
    name, address, country = _check(described)
    kind, number = described.tax_id_kind, described.tax_id.strip()
    if bool(kind) != bool(number):
        raise ProfileInvalid("A tax number has a kind.", field="tax_id_kind" if number else "tax_id")
    if number:
        number = tax_ids.check_tax_id(kind=kind, number=number, country=country)
    values = {
        "name": name,
        "address": address,
        "country": country,
        "tax_id_kind": kind,
        "tax_id": _seal(organization, number),
        "language": described.language,
    }
    with transaction.atomic():
        profile, _ = BillingProfile.objects.update_or_create(
            organization=organization, defaults={**values, "changed_at": now}
        )
        audit.record_event(
            actor=actor,
            action="billing_profile.change",
            subject_kind="organization",
            subject_uid=organization.uid,
            organization=organization,
            now=now,
            details=values | {"tax_id": tax_ids.mask(number) if number else ""},
        )
    return profile


def open_tax_id(profile: BillingProfile) -> str:
    """
    An organization's tax number in full, as invoices need it; nothing if it has none.

    :raises core.credentials.CredentialUnreadable: if no key of ours opens it
    """
    kept = profile.tax_id
    # What was said before numbers were encrypted stands as it was said, until keys are changed once.
    if not kept.startswith(SEALED):
        return kept
    return open_vault().open(kept.encode(), purpose=_name_purpose(profile.organization_id))


def show_tax_id(profile: BillingProfile) -> str:
    """Its end, as pages show it; nothing if there is none."""
    return tax_ids.mask(open_tax_id(profile)) if profile.tax_id else ""


def reseal_tax_ids() -> int:
    """Encrypt every number with the newest key, those of before for the first time; answers how many."""
    rows = BillingProfile.objects.exclude(tax_id="").order_by("pk")
    for row in list(rows):
        # Nothing is written over what was said meanwhile.
        same = rows.filter(pk=row.pk, tax_id=row.tax_id)
        same.update(tax_id=_seal(row.organization, open_tax_id(row)))
    return len(rows)


def _seal(organization: Organization, number: str) -> str:
    if not number:
        return ""
    return open_vault().seal(number, purpose=_name_purpose(organization.pk)).token.decode()


def _name_purpose(organization_id: int) -> str:
    return f"billing_profile:{organization_id}"


def _check(described: Described) -> tuple[str, str, str]:
    name, country = described.name.strip(), described.country.strip().upper()
    lines = (line.strip() for line in described.address.splitlines())
    address = "\n".join(line for line in lines if line)
    if not 0 < len(name) <= NAME_MAX:
        raise ProfileInvalid("Say who is invoiced.", field="name")
    if not 0 < len(address) <= ADDRESS_MAX:
        raise ProfileInvalid("Say where they are.", field="address")
    if len(country) != 2 or not (country.isascii() and country.isalpha()):
        raise ProfileInvalid("A country is two letters.", field="country")
    if described.language not in LANGUAGES:
        raise ProfileInvalid("Invoices are written in en or zh-hans.", field="language")
    return name, address, country


def find_seller(*, entity: str) -> SellerProfile | None:
    """What a booking entity says of itself; None if nobody has said it."""
    return SellerProfile.objects.select_related("entity").filter(pk=entity).first()


def describe_example_seller(*, entity: str, actor: Actor, now: datetime) -> bool:
    """
    Let a desk issue documents that say what they are; answers whether nothing was said of the entity before.

    A real seller is described by an operator, and stays as it is.
    """
    with transaction.atomic():
        _, is_new = SellerProfile.objects.get_or_create(
            entity_id=entity,
            defaults={"name": EXAMPLE_NAME, "address": EXAMPLE_ADDRESS, "tax_id": "", "changed_at": now},
        )
        if is_new:
            audit.record_event(
                actor=actor,
                action="seller_profile.add",
                subject_kind="seller_profile",
                subject_uid=None,
                organization=None,
                now=now,
                details={"entity": entity, "name": EXAMPLE_NAME, "address": EXAMPLE_ADDRESS},
            )
    return is_new

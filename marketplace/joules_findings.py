"""What the joules of offers' prices are: found from receipts, kept in versions."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache

from django.db import transaction
from django.db.models import QuerySet

from marketplace.energy.estimator import ModelSize, read_sizes
from marketplace.energy.findings import Basis, Finding, find_out, is_news
from marketplace.energy.joules import NoJoules, Operation, TokenJoules, find_public_joules
from marketplace.energy.plausibility import Code, Flag
from marketplace.energy.receipts import Reading
from marketplace.models import JoulesFinding, Offer, ServingProfile
from marketplace.reference import Chip, TokenEnergy, read_chips, read_joules

PRECISION = "bfloat16"


def record_finding(
    *,
    offer: Offer,
    readings: Sequence[Reading],
    chip: str,
    window_start: datetime,
    window_end: datetime,
) -> JoulesFinding | None:
    """
    Find out what an output token takes at an offer; a version is written if it says something new.

    Cards ahead follow within a minute.

    :param readings: of the offer's receipts within the window
    :param chip: the node's kind of chip, '' if it is not known
    """
    profile = ServingProfile.objects.select_related("finding").get(offer=offer)
    found = find_out(
        readings=readings,
        claimed=profile.joules_per_output_token,
        claim_source=profile.joules_source,
        public=find_public(offer=offer, profile=profile, chip=chip),
    )
    before = profile.finding
    if found is None or (before is not None and not is_news(before=_as_finding(before), after=found)):
        return None
    with transaction.atomic():
        made = JoulesFinding.objects.create(
            offer=offer,
            number=before.number + 1 if before else 1,
            basis=found.basis,
            joules=found.joules,
            claimed=found.claimed,
            reference=found.reference,
            spread=found.spread,
            tier=found.tier,
            source=found.source[:300],
            readings=found.readings,
            left_out=found.left_out,
            tokens=found.tokens,
            flags=[
                {"code": flag.code.value, "figure": str(flag.figure), "bound": str(flag.bound)}
                for flag in found.flags
            ],
            window_start=window_start,
            window_end=window_end,
        )
        ServingProfile.objects.filter(pk=profile.pk).update(finding=made)
    return made


def list_findings(*, offer: Offer) -> QuerySet[JoulesFinding]:
    """Every version of an offer, newest first."""
    return JoulesFinding.objects.filter(offer=offer).order_by("-number")


def find_public(*, offer: Offer, profile: ServingProfile, chip: str) -> TokenJoules | None:
    """What the reference table, else the estimator, says of such a node; None if neither knows."""
    known = _read_chips().get(chip)
    if known is None:
        return None
    model = offer.model.slug
    operation = Operation(
        model=model,
        chip=known,
        chips=profile.chips,
        precision=PRECISION,
        batch=Decimal(offer.slots),
        size=_read_sizes().get(model),
    )
    try:
        return find_public_joules(operation=operation, rows=_read_rows())
    except NoJoules:
        return None


def _as_finding(row: JoulesFinding) -> Finding:
    return replace(
        Finding(
            basis=Basis(row.basis),
            joules=row.joules,
            claimed=row.claimed,
            reference=row.reference,
            tier=row.tier,
            source=row.source,
        ),
        flags=tuple(
            Flag(Code(one["code"]), Decimal(one["figure"]), Decimal(one["bound"])) for one in row.flags
        ),
    )


@cache
def _read_chips() -> dict[str, Chip]:
    return {chip.slug: chip for chip in read_chips()}


@cache
def _read_rows() -> tuple[TokenEnergy, ...]:
    return read_joules()


@cache
def _read_sizes() -> dict[str, ModelSize]:
    return dict(read_sizes())

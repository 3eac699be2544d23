"""What the joules of offers' prices are: found from receipts, kept in versions."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache

from django.db import transaction
from django.db.models import QuerySet

from core.errors import Invalid
from marketplace.energy.estimator import ModelSize, read_sizes
from marketplace.energy.findings import Basis, Finding, find_out, is_news
from marketplace.energy.joules import Basis as Source
from marketplace.energy.joules import NoJoules, Operation, TokenJoules, find_public_joules
from marketplace.energy.plausibility import Code, Flag
from marketplace.energy.receipts import Reading
from marketplace.energy.table import strip_name
from marketplace.models import JoulesFinding, Offer, ServingProfile
from marketplace.reference import Chip, TokenEnergy, read_chips, read_joules

# Whoever serves in fewer bits takes less; the table names models that come so by an id of their own.
PRECISIONS = ("BF16", "FP8")


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
        public=find_public(offer=offer, profile=profile, chip=chip, batch=offer.slots),
        alone=find_public(offer=offer, profile=profile, chip=chip, batch=1),
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


def find_public(*, offer: Offer, profile: ServingProfile, chip: str, batch: int) -> TokenJoules | None:
    """What the reference table, else the estimator, says of a node at a batch; None if neither knows."""
    return _find_public(model=offer.model.slug, chip=chip, chips=profile.chips, batch=batch)


def find_undeclared(*, model: str, chip: str, chips: int, batch: int) -> TokenJoules:
    """
    What an output token takes where the provider states no figure: by the reference table, else estimated.

    Receipts of the node take its place once there are enough of them.

    :param model: a slug of the catalogue
    :param batch: requests at a time
    :raises core.errors.Invalid: if neither knows, so that the provider has to say
    """
    found = _find_public(model=model, chip=chip, chips=chips, batch=batch)
    if found is None:
        raise Invalid(
            f"Neither the reference table nor the estimator knows {model} on {chips} x {chip} at a batch of"
            f" {batch}; state the figure.",
            field="serving.joules_per_output_token",
        )
    return found


def name_source(joules: TokenJoules) -> str:
    """Where undeclared joules are from, as an offer's price says it: nobody measured this machine."""
    said = ", ".join(f"{name} {value}" for name, value in joules.inputs.items())
    return f"{joules.basis.value}, not measured here: {joules.source} ({said})"[:200]


def _find_public(*, model: str, chip: str, chips: int, batch: int) -> TokenJoules | None:
    known = _read_chips().get(chip)
    if known is None:
        return None
    model = _read_ids().get(strip_name(model), model)
    size, found = _read_sizes().get(model), []
    for precision in PRECISIONS:
        operation = Operation(model, known, chips, precision, Decimal(batch), size)
        with suppress(NoJoules):
            found.append(find_public_joules(operation=operation, rows=_read_rows()))
    # What was measured before what is estimated.
    return next((one for one in found if one.basis is Source.REFERENCE), found[0] if found else None)


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
def _read_ids() -> dict[str, str]:
    """Ids of models that are known of, by what slugs of the catalogue have in common with them."""
    return {strip_name(one): one for one in (*_read_sizes(), *(row.model_id for row in _read_rows()))}


@cache
def _read_sizes() -> dict[str, ModelSize]:
    return dict(read_sizes())

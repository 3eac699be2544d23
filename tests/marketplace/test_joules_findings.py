"""What is publicly known of the models of the catalogue."""

from decimal import Decimal

import pytest

from core.errors import Invalid
from marketplace import joules_findings
from marketplace.energy.joules import Basis
from marketplace.models import Model, Offer, ServingProfile

H100 = "nvidia-h100-sxm-80"


@pytest.mark.parametrize("slug", ["llama-3.1-70b-instruct", "meta-llama/llama-3.1-70b-instruct"])
def test_the_table_knows_a_model_by_its_slug_and_takes_more_of_it_for_one_request(slug: str) -> None:
    offer, profile = Offer(model=Model(slug=slug)), ServingProfile(chips=8)

    full, alone = (
        joules_findings.find_public(offer=offer, profile=profile, chip=H100, batch=batch) for batch in (64, 1)
    )

    assert full is not None
    assert alone is not None
    assert full.basis is Basis.REFERENCE
    assert Decimal("0.2") < full.output < Decimal(5) < alone.output


def test_nothing_is_known_of_a_model_that_nobody_measured() -> None:
    offer, profile = Offer(model=Model(slug="small")), ServingProfile(chips=1)

    assert joules_findings.find_public(offer=offer, profile=profile, chip=H100, batch=1) is None


def test_where_no_figure_is_stated_the_table_and_then_the_estimator_say_it_and_are_named() -> None:
    known = joules_findings.find_undeclared(model="llama-3.1-70b-instruct", chip=H100, chips=8, batch=64)
    guessed = joules_findings.find_undeclared(
        model="llama-3.1-70b-instruct", chip="nvidia-a100-sxm-80", chips=8, batch=64
    )

    assert joules_findings.name_source(known).startswith("reference, not measured here: ML.ENERGY v3")
    assert joules_findings.name_source(guessed).startswith("estimated, not measured here: fit to ML.ENERGY")
    with pytest.raises(Invalid, match="state the figure"):
        joules_findings.find_undeclared(model="small", chip=H100, chips=1, batch=1)

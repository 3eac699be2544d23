"""Images, hashes and chip-seconds on chips of the catalogue."""

from decimal import Decimal

import pytest

from marketplace import reference
from marketplace.energy import chips
from marketplace.energy.refusals import BadInput
from marketplace.energy.work import Unit


@pytest.mark.parametrize(
    ("slug", "watts"), [("nvidia-h100-sxm-80", "497"), ("nvidia-b200-180", "800"), ("nvidia-l4-24", "51.12")]
)
def test_a_busy_chip_draws_a_share_of_its_full_power(slug: str, watts: str) -> None:
    assert chips.estimate_busy_watts(reference.find_chip(slug)) == Decimal(watts)


def test_power_that_is_not_published_is_not_guessed() -> None:
    with pytest.raises(BadInput, match="the power of google-tpu-v5e is not published"):
        chips.estimate_busy_watts(reference.find_chip("google-tpu-v5e"))


def test_a_miner_makes_hashes_and_a_graphics_card_none() -> None:
    work = chips.list_chip_hash_work(reference.find_chip("bitmain-antminer-s21"))

    assert work[Unit.TERAHASH].joules == Decimal("17.5")
    assert work[Unit.TERAHASH].seconds == Decimal("0.005")
    with pytest.raises(BadInput, match="nvidia-l4-24 makes no hashes"):
        chips.list_chip_hash_work(reference.find_chip("nvidia-l4-24"))


def test_an_image_was_measured_or_not() -> None:
    found = chips.find_image_energy(model="FLUX.1-dev", chip="nvidia-h100-sxm-80")

    assert found is not None
    assert found.joules == 7551
    assert found.evidence.source.startswith("ML.ENERGY")
    assert chips.find_image_energy(model="FLUX.1-dev", chip="nvidia-l4-24") is None


def test_every_image_is_of_a_chip_of_the_catalogue() -> None:
    known = {chip.slug for chip in reference.read_chips()}

    assert {energy.chip for energy in chips.read_images()} <= known

"""The shipped tables give figures with their sources."""

from decimal import Decimal

import pytest

from marketplace import reference


def test_measured_joules_name_their_row() -> None:
    found = reference.find_token_energy(model="Llama 3.1 70B Instruct", gpu="H100", batch=256)

    assert round(found.joules_per_output_token, 3) == Decimal("0.479")
    assert found.source == "ML.ENERGY v3: llama-3-1-70b-instruct/H100/4/256"


def test_a_model_nobody_measured_is_said_to_be_so() -> None:
    with pytest.raises(reference.NotMeasured):
        reference.find_token_energy(model="SmolLM2-135M", gpu="cpu", batch=1)


def test_a_province_has_its_intensity() -> None:
    assert reference.find_grid_intensity("CN-GZ").gco2_per_kwh == Decimal("568.3")


def test_a_chip_whose_power_is_not_published_has_none() -> None:
    assert reference.find_chip("google-tpu-v5e").watts_max is None


def test_of_a_range_of_watts_the_upper_end_counts() -> None:
    assert reference.find_chip("groq-lpu-v1").watts_max == 300

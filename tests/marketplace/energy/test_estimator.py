"""The estimator is as good as it is said to be, and says where it knows nothing."""

from decimal import Decimal

import pytest

from marketplace import reference
from marketplace.energy import estimator, fit
from marketplace.energy.estimator import ModelSize, OutOfRange

SEVENTY = ModelSize(Decimal(70), Decimal(70))
H100, B200 = "nvidia-h100-sxm-80", "nvidia-b200-180"


def estimate(
    *,
    size: ModelSize = SEVENTY,
    chip: str = H100,
    precision: str = "BF16",
    batch: int = 256,
    chips: int = 4,
) -> estimator.Estimate:
    return estimator.estimate_joules(
        size=size,
        chip=reference.find_chip(chip),
        precision=precision,
        batch=Decimal(batch),
        chips=chips,
    )


def test_it_fits_and_foresees_as_published() -> None:
    quality = fit.assess(rows=reference.read_joules(), sizes=dict(estimator.read_sizes()))

    assert (quality.rows, quality.models) == (328, 18)
    assert f"{quality.r2:.3f}" == "0.966"
    assert f"{quality.error:.1f}" == "17.5"
    assert f"{quality.unseen_error:.0f}" == "22"
    assert f"{quality.unseen_error_p90:.0f}" == "40"


def test_a_fit_to_all_rows_gives_nearly_the_published_coefficients() -> None:
    rows, sizes = reference.read_joules(), estimator.read_sizes()
    features = [fit.list_row(row, sizes[row.model_id]) for row in rows]

    found = fit.fit(features, [float(row.joules_per_output_token.ln()) for row in rows])

    assert found == pytest.approx([float(c) for c in estimator.COEFFICIENTS], abs=0.0015)


def test_every_model_of_the_table_has_a_size() -> None:
    assert {row.model_id for row in reference.read_joules()} == set(estimator.read_sizes())


def test_it_is_near_the_measurement() -> None:
    found = estimate()

    assert found.joules == pytest.approx(Decimal("0.479"), rel=Decimal("0.1"))
    assert not found.scaled
    assert found.inputs["batch"] == "256"
    assert found.inputs["scale"] == "1.000000000"


def test_fp8_and_newer_chips_take_less() -> None:
    plain = estimate().joules

    assert estimate(precision="fp8").joules / plain == pytest.approx(Decimal("0.8829"), abs=Decimal("0.001"))
    assert estimate(chip=B200).joules < plain


def test_other_chips_are_scaled_and_say_so() -> None:
    found = estimate(chip="nvidia-l40s-48")

    # 350 W at 864 GB/s beside 700 W at 3,350.
    assert found.scaled
    assert found.joules / estimate().joules == pytest.approx(Decimal("1.9387"), abs=Decimal("0.001"))


@pytest.mark.parametrize(
    ("batch", "chips", "precision", "active", "total", "field"),
    [
        (7, 4, "BF16", 70, 70, "batch"),
        (4097, 4, "BF16", 70, 70, "batch"),
        (256, 9, "BF16", 70, 70, "chips"),
        (256, 4, "MXFP4", 70, 70, "precision"),
        (256, 4, "BF16", 7, 7, "total"),
        (256, 4, "BF16", 70, 672, "total"),
        (256, 4, "BF16", 2, 70, "active"),
        (256, 4, "BF16", 71, 70, "active"),
    ],
    ids=str,
)
def test_outside_of_what_was_fitted_it_knows_nothing(
    batch: int, chips: int, precision: str, active: int, total: int, field: str
) -> None:
    size = ModelSize(Decimal(active), Decimal(total))

    with pytest.raises(OutOfRange) as refusal:
        estimate(size=size, precision=precision, batch=batch, chips=chips)

    assert refusal.value.field == field


def test_a_chip_without_published_power_is_not_guessed() -> None:
    with pytest.raises(OutOfRange, match="google-tpu-v5e are not published"):
        estimate(chip="google-tpu-v5e")

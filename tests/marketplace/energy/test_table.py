"""The reference table at any batch, and what it does not know."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace import reference
from marketplace.energy import table
from marketplace.energy.refusals import BadInput
from marketplace.energy.table import OperatingPoint

ROWS = reference.read_joules()
LLAMA = "Llama 3.1 70B Instruct"
H100 = "nvidia-h100-sxm-80"


def find(
    batch: str,
    *,
    model: str = LLAMA,
    chip: str = H100,
    precision: str = "BF16",
    chips: int | None = None,
) -> OperatingPoint | None:
    return table.find_point(
        rows=ROWS, model=model, chip=chip, precision=precision, batch=Decimal(batch), chips=chips
    )


def test_a_measured_batch_is_given_as_measured() -> None:
    found = find("256")

    assert found is not None
    assert (found.joules, found.tokens_per_second, found.watts, found.chips) == (
        Decimal("0.4789926"),
        Decimal("4915.1"),
        Decimal(2354),
        4,
    )
    assert (found.how, found.rows) == ("measured", ("llama-3-1-70b-instruct/H100/4/256",))


def test_the_id_of_a_model_is_as_good_as_its_name() -> None:
    assert find("256", model="meta-llama/Llama-3.1-70B-Instruct") == find("256")


def test_between_two_batches_it_is_a_power_of_the_batch() -> None:
    # 0.7972486 at 64 and 0.6477576 at 96; the middle by logarithm is their geometric mean.
    found = find("78.38367176906169", chips=4)

    assert found is not None
    assert found.how == "between"
    assert found.joules == pytest.approx(Decimal("0.71862"), abs=Decimal("0.00001"))
    assert found.rows == ("llama-3-1-70b-instruct/H100/4/64", "llama-3-1-70b-instruct/H100/4/96")


def test_above_the_largest_batch_the_largest_stands() -> None:
    found, largest = find("5000"), find("1024")

    assert found is not None
    assert largest is not None
    assert (found.how, found.joules, found.batch) == ("above", Decimal("0.373142"), Decimal(5000))
    assert found.rows == largest.rows


def test_below_the_smallest_batch_a_step_still_reads_all_weights() -> None:
    found = find("2")

    assert found is not None
    assert found.how == "below"
    assert found.joules == 4 * Decimal("3.7587139")
    assert found.tokens_per_second == Decimal("469.7") / 4


def test_repetitions_are_averaged() -> None:
    found = find("256", model="Qwen 3 30B A3B Instruct", chips=2)

    assert found is not None
    assert found.joules == (Decimal("0.1470218") + Decimal("0.1334726")) / 2
    assert len(found.rows) == 2


@pytest.mark.parametrize(("chips", "used"), [(4, 4), (8, 8), (5, 4), (None, 4), (100, 8)])
def test_of_several_set_ups_the_nearest_in_size_is_used(chips: int | None, used: int) -> None:
    found = find("64", model="Llama 4 Scout 17B 16E Instruct", chips=chips)

    assert found is not None
    assert found.chips == used


@pytest.mark.parametrize(
    ("model", "chip", "precision"),
    [
        ("SmolLM2-135M", H100, "BF16"),
        (LLAMA, "nvidia-l40s-48", "BF16"),
        (LLAMA, H100, "FP8"),
    ],
)
def test_another_model_chip_or_precision_was_not_measured(model: str, chip: str, precision: str) -> None:
    assert find("256", model=model, chip=chip, precision=precision) is None


def test_a_batch_below_one_is_refused() -> None:
    with pytest.raises(BadInput, match=r"batch: 0\.5 is less than 1"):
        find("0.5")


@settings(deadline=None)
@given(low=st.integers(1, 3000), more=st.integers(1, 3000))
def test_a_larger_batch_never_takes_more(low: int, more: int) -> None:
    small, large = find(str(low)), find(str(low + more))

    assert small is not None
    assert large is not None
    assert large.joules <= small.joules
    assert large.tokens_per_second >= small.tokens_per_second

"""Where the joules of a token come from, in order, and that the answer says so."""

from dataclasses import replace
from decimal import Decimal

import pytest

from marketplace import reference
from marketplace.energy import joules
from marketplace.energy.estimator import ModelSize
from marketplace.energy.joules import Basis, Declaration, NoJoules, Operation, TokenJoules
from marketplace.energy.receipts import Reading
from marketplace.energy.refusals import BadInput

ROWS = reference.read_joules()
LLAMA = Operation(
    model="Llama 3.1 70B Instruct",
    chip=reference.find_chip("nvidia-h100-sxm-80"),
    chips=4,
    precision="BF16",
    batch=Decimal(256),
)
UNSEEN = replace(LLAMA, model="Somebody's 70B", size=ModelSize(Decimal(70), Decimal(70)))
UNKNOWN = replace(LLAMA, model="Somebody's model")
DECLARED = Declaration(Decimal("0.45"), "data sheet")


def receive(tier: str = "counter", count: int = 5) -> list[Reading]:
    return [Reading(Decimal(520), Decimal(1000), Decimal(0), Decimal(60), tier)] * count


def find(
    operation: Operation = LLAMA,
    *,
    readings: list[Reading] | None = None,
    declaration: Declaration | None = None,
    can_measure: bool = True,
) -> TokenJoules:
    return joules.find_joules(
        operation=operation,
        readings=readings or [],
        declaration=declaration,
        rows=ROWS,
        can_measure=can_measure,
    )


def test_receipts_come_first() -> None:
    found = find(readings=receive(), declaration=DECLARED)

    assert (found.basis, found.tier, found.output) == (Basis.MEASURED, "counter", Decimal("0.52"))
    assert found.inputs["readings"] == "5"
    assert found.source == "receipts of the node"


def test_without_enough_receipts_the_declaration_stands() -> None:
    found = find(readings=receive(count=4), declaration=DECLARED)

    assert (found.basis, found.tier, found.output) == (Basis.DECLARED, "declared", Decimal("0.45"))
    assert found.source == "data sheet"


def test_without_a_declaration_the_reference_table_at_the_batch() -> None:
    found = find()

    assert (found.basis, found.output) == (Basis.REFERENCE, Decimal("0.4789926"))
    assert found.source == "ML.ENERGY v3: llama-3-1-70b-instruct/H100/4/256"
    assert (found.inputs["batch"], found.inputs["how"]) == ("256", "measured")


def test_between_two_rows_both_are_named() -> None:
    found = find(replace(LLAMA, batch=Decimal(80)))

    assert found.inputs["how"] == "between"
    assert found.source.endswith("H100/4/64 and llama-3-1-70b-instruct/H100/4/96")


def test_a_model_nobody_measured_is_estimated() -> None:
    found = find(UNSEEN)

    assert found.basis is Basis.ESTIMATED
    assert found.inputs["total_b"] == "70"
    assert found.source == "fit to ML.ENERGY Leaderboard v3, 328 rows"


def test_another_chip_is_said_to_be_scaled() -> None:
    found = find(replace(UNSEEN, chip=reference.find_chip("nvidia-l40s-48")))

    assert found.source.endswith("scaled to nvidia-l40s-48")


def test_input_is_a_share_of_output_unless_it_is_declared() -> None:
    assert find().input == Decimal("0.215546670")
    assert find().cached_input == 0
    assert find().inputs["input_ratio"] == "0.45"

    declared = Declaration(Decimal("0.45"), "data sheet", Decimal("0.1"), Decimal("0.001"))

    found = find(declaration=declared)
    assert (found.input, found.cached_input) == (Decimal("0.1"), Decimal("0.001"))
    assert "input_ratio" not in found.inputs


def test_who_cannot_measure_pays_the_penalty_on_the_public_figure() -> None:
    found = find(declaration=Declaration(Decimal("0.1"), "a wish"), can_measure=False)

    assert (found.basis, found.penalty) == (Basis.REFERENCE, Decimal("1.25"))
    assert found.output == Decimal("0.598740750")
    assert found.inputs["penalty"] == "1.25"
    assert found.input / found.output == pytest.approx(Decimal("0.45"))


def test_who_cannot_measure_and_declares_more_pays_it_on_that() -> None:
    found = find(declaration=Declaration(Decimal(2), "an old node"), can_measure=False)

    assert (found.basis, found.output) == (Basis.DECLARED, Decimal("2.5"))


def test_honest_metering_pays() -> None:
    metered = find(readings=receive())

    assert metered.output < find(declaration=DECLARED, can_measure=False).output


def test_without_any_source_there_are_no_joules_and_every_reason_is_named() -> None:
    with pytest.raises(NoJoules) as refusal:
        find(UNKNOWN)

    reasons = str(refusal.value)
    assert "receipts: too few" in reasons
    assert "reference: Somebody's model was not measured on nvidia-h100-sxm-80" in reasons
    assert "estimator: the model's size is not known" in reasons
    assert "declaration: none" in reasons


def test_outside_of_the_fit_there_are_no_joules() -> None:
    with pytest.raises(NoJoules, match="estimator: batch: 5000 is more than 4096"):
        find(replace(UNSEEN, batch=Decimal(5000)), can_measure=False)


def test_claims_are_compared_with_the_public_figure() -> None:
    assert joules.find_public_joules(operation=LLAMA, rows=ROWS) == find()
    with pytest.raises(NoJoules, match="reference: "):
        joules.find_public_joules(operation=UNKNOWN, rows=ROWS)


@pytest.mark.parametrize("output", ["0", "-1", "NaN"])
def test_a_declaration_of_nothing_is_refused(output: str) -> None:
    with pytest.raises(BadInput, match="output"):
        Declaration(Decimal(output), "data sheet")
    with pytest.raises(BadInput, match="input"):
        Declaration(Decimal(1), "data sheet", input=Decimal(-1))

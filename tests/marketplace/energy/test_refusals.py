"""What cannot be is refused, with its field."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from marketplace.energy.inputs import DemandResponse, Heat, Network
from marketplace.energy.refusals import BadInput
from marketplace.energy.work import Work, list_hash_work, list_image_work, list_token_work
from tests.marketplace.energy.hall import HALL

PARTS: tuple[Any, ...] = (
    HALL.power,
    HALL.hall,
    HALL.carbon,
    HALL.machine,
    Heat(),
    DemandResponse(),
    Network(),
    HALL,
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pue", "0.8"),
        ("pue", "4.1"),
        ("pue", "NaN"),
        ("line_loss", "-0.1"),
        ("capital_per_watt", "-1"),
        ("per_kwh", "Infinity"),
        ("load_factor", "0"),
        ("load_factor", "1.1"),
        ("demand_per_kw_month", "-1"),
        ("location_g", "-1"),
        ("market_g", "-1"),
        ("matched", "1.1"),
        ("embodied_g", "-1"),
        ("price_per_tonne", "-1"),
        ("chip_watts", "0"),
        ("host_watts", "-1"),
        ("idle_watts", "-1"),
        ("utilisation", "0"),
        ("utilisation", "1.01"),
        ("capital", "-1"),
        ("residual", "1.1"),
        ("operations_rate", "-1"),
        ("reused", "1.1"),
        ("activated", "1.1"),
        ("passed_on", "1.1"),
        ("per_gb", "-1"),
        ("margin", "-0.1"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(field: str, value: str) -> None:
    part = next(part for part in PARTS if field in part.__slots__)

    with pytest.raises(BadInput) as refusal:
        replace(part, **{field: Decimal(value)})

    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("part", "changes", "field"),
    [
        (HALL, {"fee_bps": 10_000}, "fee_bps"),
        (HALL, {"work": {}}, "work"),
        (HALL.machine, {"chips": 0}, "chips"),
        (HALL.machine, {"years": 0}, "machine.years"),
        (HALL.hall, {"years": 101}, "facility.years"),
        (HALL.hall, {"rate": Decimal("1.1")}, "facility.rate"),
    ],
    ids=["fee", "work", "chips", "life", "facility life", "interest"],
)
def test_terms_that_cannot_be_are_refused(part: Any, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refusal:
        replace(part, **changes)

    assert refusal.value.field == field


@pytest.mark.parametrize(("joules", "rate"), [("0", "1"), ("-1", "1"), ("1", "0")])
def test_work_of_no_joules_or_no_time_is_refused(joules: str, rate: str) -> None:
    with pytest.raises(BadInput):
        list_token_work(output_joules=Decimal(joules), output_per_second=Decimal(rate))
    with pytest.raises(BadInput):
        list_image_work(joules=Decimal(joules), per_second=Decimal(rate))
    with pytest.raises(BadInput):
        list_hash_work(joules_per_terahash=Decimal(joules), terahash_per_second=Decimal(rate))
    with pytest.raises(BadInput):
        Work(Decimal(joules) - 1, Decimal(rate) - 1)

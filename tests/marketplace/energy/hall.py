"""A hall with round numbers, for tests."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from marketplace.energy.inputs import Carbon, Hall, Inputs, Machine, Power
from marketplace.energy.work import list_token_work

TOKENS = list_token_work(output_joules=Decimal("0.5"), output_per_second=Decimal(1000))

# 1,000 tokens a second of 0.5 J on two chips of 250 W and a host of 125 W; busy half of the hours.
HALL = Inputs(
    currency="CNY",
    power=Power(per_kwh=Decimal("0.40"), source="tariff 12"),
    hall=Hall(pue=Decimal("1.25"), source="meter", line_loss=Decimal("0.04"), capital_per_watt=Decimal(70)),
    carbon=Carbon(location_g=Decimal(500), market_g=Decimal(500), source="grid"),
    machine=Machine(
        chips=2,
        chip_watts=Decimal(500),
        host_watts=Decimal(125),
        idle_watts=Decimal(100),
        utilisation=Decimal("0.5"),
        capital=Decimal(300_000),
        source="invoice",
        operations_rate=Decimal("0.05"),
    ),
    work=TOKENS,
    work_source="receipts of the node",
    tier="counter",
)


def add_to(inputs: Inputs, **power: Any) -> Inputs:
    """The same with other figures of its power."""
    return replace(inputs, power=replace(inputs.power, **power))

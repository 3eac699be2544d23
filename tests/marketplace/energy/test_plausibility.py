"""What physics and the neighbours do not allow is flagged, and nothing else."""

from decimal import Decimal

import pytest

from marketplace.energy import plausibility
from marketplace.energy.plausibility import Code, Flag, Sample
from marketplace.energy.receipts import Measured
from marketplace.energy.refusals import BadInput


def codes(flags: tuple[Flag, ...]) -> list[Code]:
    return [flag.code for flag in flags]


# Ten seconds of 100 W idle and 700 W full with a host of a quarter: 800 J to 9,187.5 J.
@pytest.mark.parametrize(
    ("joules", "expected"),
    [
        ("799.999", [Code.BELOW_IDLE]),
        ("800", []),
        ("9187.5", []),
        ("9187.501", [Code.ABOVE_FULL]),
        ("-1", [Code.BELOW_IDLE]),
    ],
)
def test_a_window_lies_between_idle_and_full_power(joules: str, expected: list[Code]) -> None:
    flags = plausibility.check_window(
        joules=Decimal(joules),
        seconds=Decimal(10),
        idle_watts=Decimal(100),
        chip_watts=Decimal(700),
        host_factor=Decimal("1.25"),
    )

    assert codes(flags) == expected


@pytest.mark.parametrize(
    ("joules", "expected"),
    [
        ("0.1915", [Code.BELOW_REFERENCE]),
        ("0.1916", []),
        ("1.1975", []),
        ("1.1976", [Code.ABOVE_REFERENCE]),
    ],
)
def test_joules_lie_near_the_reference(joules: str, expected: list[Code]) -> None:
    flags = plausibility.check_reference(joules=Decimal(joules), reference=Decimal("0.479"))

    assert codes(flags) == expected


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([("a", 1), ("a", 2), ("a", 3)], []),
        ([("a", 3), ("b", 1), ("b", 2)], []),
        ([("a", 3), ("a", 1)], [Code.COUNTER_BACKWARDS]),
        ([("a", 3), ("a", 3)], [Code.COUNTER_FLAT]),
        ([("a", 3), ("a", 3), ("a", 2)], [Code.COUNTER_FLAT, Code.COUNTER_BACKWARDS]),
        ([("a", 3)], []),
        ([], []),
    ],
    ids=["rising", "new boot", "backwards", "flat", "both", "one", "none"],
)
def test_a_counter_only_rises(samples: list[tuple[str, int]], expected: list[Code]) -> None:
    flags = plausibility.check_counter(samples=[Sample(boot, Decimal(joules)) for boot, joules in samples])

    assert codes(flags) == expected


@pytest.mark.parametrize(("kwh", "expected"), [("82.4", []), ("82.41", [Code.ABOVE_METER])])
def test_all_jobs_together_are_no_more_than_the_meter(kwh: str, expected: list[Code]) -> None:
    flags = plausibility.check_meter(job_kwh=Decimal(kwh), pue=Decimal("1.25"), meter_kwh=Decimal(100))

    assert codes(flags) == expected


@pytest.mark.parametrize(
    ("joules", "expected"),
    [("90", []), ("110", []), ("89", [Code.CHALLENGE_FAILED]), ("111", [Code.CHALLENGE_FAILED])],
)
def test_a_known_program_takes_what_it_takes(joules: str, expected: list[Code]) -> None:
    flags = plausibility.check_challenge(joules=Decimal(joules), known=Decimal(100))

    assert codes(flags) == expected


def measure(spread: str) -> Measured:
    return Measured(Decimal("0.5"), Decimal(spread), "counter", 9, 0, Decimal(9000))


@pytest.mark.parametrize(
    ("claimed", "spread", "holds", "expected"),
    [
        ("0.45", "0.01", "0.45", []),
        ("0.449", "0.01", "0.5", [Code.CLAIMED_LESS]),
        ("0.551", "0.01", "0.5", [Code.CLAIMED_MORE]),
        # Noisy receipts leave more room.
        ("0.449", "0.05", "0.449", []),
        ("0.424", "0.05", "0.5", [Code.CLAIMED_LESS]),
    ],
)
def test_a_claim_holds_within_what_receipts_can_tell(
    claimed: str, spread: str, holds: str, expected: list[Code]
) -> None:
    verdict = plausibility.judge_claim(claimed=Decimal(claimed), measured=measure(spread))

    assert codes(verdict.flags) == expected
    assert verdict.joules == Decimal(holds)
    assert verdict.was_corrected == bool(expected)


def test_a_flag_says_the_figure_and_its_bound() -> None:
    verdict = plausibility.judge_claim(claimed=Decimal("0.3"), measured=measure("0.01"))

    assert str(verdict.flags[0]) == "claimed_less: 0.3 against 0.45"


def test_checks_of_nothing_are_refused() -> None:
    with pytest.raises(BadInput, match="seconds"):
        plausibility.check_window(
            joules=Decimal(1),
            seconds=Decimal(0),
            idle_watts=Decimal(1),
            chip_watts=Decimal(1),
            host_factor=Decimal(1),
        )
    with pytest.raises(BadInput, match="reference"):
        plausibility.check_reference(joules=Decimal(1), reference=Decimal(0))
    with pytest.raises(BadInput, match="pue"):
        plausibility.check_meter(job_kwh=Decimal(1), pue=Decimal("0.8"), meter_kwh=Decimal(1))

"""What an offer's price is built from: receipts before claims, and honest counters before none."""

from decimal import Decimal

from marketplace.energy.findings import Basis, Finding, find_base, find_out, is_news
from marketplace.energy.joules import Basis as JoulesBasis
from marketplace.energy.joules import TokenJoules
from marketplace.energy.receipts import Reading

CLAIMED = Decimal("0.5")


def read(joules_per_token: str, *, tier: str = "counter", times: int = 1) -> list[Reading]:
    """Receipts of 1,000 output tokens each."""
    reading = Reading(
        joules=Decimal(joules_per_token) * 1000,
        output_tokens=Decimal(1000),
        input_tokens=Decimal(0),
        seconds=Decimal(20),
        tier=tier,
    )
    return [reading] * times


def publish(joules: str) -> TokenJoules:
    """What the reference table says."""
    figure = Decimal(joules)
    return TokenJoules(figure, figure, figure, JoulesBasis.REFERENCE, "declared", "table", {})


def find(readings: list[Reading], public: TokenJoules | None = None) -> Finding:
    """A finding beside the claim."""
    found = find_out(readings=readings, claimed=CLAIMED, claim_source="own word", public=public)
    assert found is not None
    return found


def test_too_few_receipts_say_nothing() -> None:
    few = read("0.6", times=4)

    assert find_out(readings=few, claimed=CLAIMED, claim_source="own word", public=None) is None


def test_receipts_count_before_the_claim_and_a_claim_below_them_is_flagged() -> None:
    found = find(read("0.7", times=8))

    assert (found.basis, found.joules, found.tier) == (Basis.MEASURED, Decimal("0.7"), "counter")
    assert [flag.code for flag in found.flags] == ["claimed_less"]


def test_one_lying_receipt_among_many_does_not_move_the_price() -> None:
    found = find([*read("0.52", times=8), *read("0.01")])

    assert (found.joules, found.left_out, found.flags) == (Decimal("0.52"), 1, ())


def test_what_no_such_chip_can_do_is_never_a_price() -> None:
    found = find(read("0.05", times=8), publish("0.5"))

    assert (found.basis, found.joules) == (Basis.CLAIM, CLAIMED)
    assert "below_reference" in [flag.code for flag in found.flags]


def test_a_node_with_little_to_do_takes_more_a_token_than_a_full_one_and_is_believed() -> None:
    def judge(joules: str) -> Finding | None:
        return find_out(
            readings=read(joules, times=8),
            claimed=CLAIMED,
            claim_source="own word",
            public=publish("0.5"),
            alone=publish("5"),
        )

    idle, impossible = judge("4"), judge("13")

    assert idle is not None
    assert (idle.basis, idle.joules) == (Basis.MEASURED, Decimal(4))
    assert impossible is not None
    assert impossible.basis is Basis.CLAIM


def test_another_claim_counts_at_once_where_nothing_was_measured() -> None:
    def judge(basis: Basis) -> Decimal:
        old, new = CLAIMED, Decimal("0.6")
        return find_base(basis=basis, found=old, claimed=old, claimed_now=new, reference=Decimal("0.8"))

    assert judge(Basis.MEASURED) == CLAIMED
    assert judge(Basis.CLAIM) == Decimal("0.6")
    assert judge(Basis.PENALIZED) == Decimal("1.00")


def test_who_cannot_measure_pays_the_penalty_on_the_greater_of_claim_and_public_figure() -> None:
    declared = read("0.5", tier="declared", times=8)

    assert find(declared).joules == CLAIMED * Decimal("1.25")
    assert find(declared, publish("0.8")).joules == Decimal("1.00")


def test_a_counter_is_cheaper_than_none_for_the_same_machine() -> None:
    honest, blind = find(read("0.5", times=8)), find(read("0.5", tier="declared", times=8))

    assert honest.joules < blind.joules


def test_noise_is_no_news_and_another_basis_is() -> None:
    first, noise = find(read("0.700", times=8)), find(read("0.705", times=8))
    blind = find(read("0.7", tier="declared", times=8))

    assert not is_news(before=first, after=noise)
    assert is_news(before=first, after=blind)

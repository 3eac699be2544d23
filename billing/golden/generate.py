"""
Write rating.csv, the vectors that rating in Python and in SQL must both reproduce.

    python billing/golden/generate.py > billing/golden/rating.csv

Everything here is integers (1e-18 of the currency, 1e-6 chip-seconds), so that it shares nothing with what
it checks.
"""

import random
import sys

HEADER = (
    "tokens_in,cached,out,chip_seconds,"
    "input_price,cached_input_price,output_price,chip_second_price,bps,rated,fee,note"
)
PRICE_PLACES, AMOUNT_PLACES, CHIP_PLACES = 18, 9, 6


def divide_half_even(numerator: int, denominator: int) -> int:
    """Nearest integer to a fraction of nothing negative; of two equally near, the even one."""
    whole, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1):
        whole += 1
    return whole


def write_fixed(value: int, places: int) -> str:
    """`value` / 10^`places` with exactly that many places."""
    digits = str(value).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}"


def make_line(
    quantities: tuple[int, int, int, int], prices: tuple[int, int, int, int], bps: int, note: str
) -> str:
    """One vector: in, cached, out and millionths of chip-seconds, at prices in 1e-18."""
    tokens_in, cached, out, chips = quantities
    tokens = (tokens_in - cached) * prices[0] + cached * prices[1] + out * prices[2]
    exact = tokens * 10**CHIP_PLACES + chips * prices[3]
    nanos = divide_half_even(exact, 10 ** (PRICE_PLACES + CHIP_PLACES - AMOUNT_PLACES))
    fee = divide_half_even(nanos * bps, 10_000)
    return ",".join(
        [
            *(str(tokens_in), str(cached), str(out), write_fixed(chips, CHIP_PLACES)),
            *(write_fixed(price, PRICE_PLACES) for price in prices),
            *(str(bps), write_fixed(nanos, AMOUNT_PLACES), write_fixed(fee, AMOUNT_PLACES), note),
        ]
    )


def make_chosen() -> list[str]:
    """Vectors picked for what they show."""
    nano = 10**9
    return [
        make_line((0, 0, 0, 0), (nano, nano, nano, nano), 500, "nothing used"),
        make_line((100, 0, 20, 0), (150 * nano, 75 * nano, 600 * nano, 0), 1000, "tokens"),
        make_line(
            (100, 100, 20, 0), (150 * nano, 75 * nano, 600 * nano, 0), 1000, "all of the prompt cached"
        ),
        make_line((100, 60, 0, 0), (150 * nano, 75 * nano, 600 * nano, 0), 1000, "prefill only"),
        make_line((1, 0, 0, 0), (nano // 2, 0, 0, 0), 0, "tie to even: zero"),
        make_line((3, 0, 0, 0), (nano // 2, 0, 0, 0), 0, "tie to even: two"),
        make_line((1, 0, 1, 0), (nano // 2, 0, nano // 2, 0), 0, "two halves are rounded together"),
        make_line((1, 0, 0, 0), (nano // 2 + 1, 0, 0, 0), 0, "just above a tie"),
        make_line((0, 0, 0, 1), (0, 0, 0, 500_000 * nano), 0, "tie in chip-time"),
        make_line((0, 0, 0, 3_600_000_000), (0, 0, 0, 277_777_777_777_778), 250, "an hour of one chip"),
        make_line((1, 0, 0, 0), (5 * nano, 0, 0, 0), 1000, "fee of half a billionth: zero"),
        make_line((1, 0, 0, 0), (15 * nano, 0, 0, 0), 1000, "fee of one and a half billionths: two"),
        make_line((1, 0, 0, 0), (nano, 0, 0, 0), 9999, "fee rounds up to all of it"),
        make_line((0, 0, 662_361_903_828_001, 0), (0, 0, nano, 0), 2999, "fee a hair below a tie"),
        make_line((2**40, 0, 2**40, 0), (10**18 - 1, 0, 10**18 - 1, 0), 123, "very large"),
        make_line((2**62, 2**61, 2**62, 10**12), (1, 1, 1, 1), 1, "counts near the end of bigint"),
    ]


def make_drawn(count: int) -> list[str]:
    """Vectors drawn by a fixed seed: quantities and prices of every size."""
    draw = random.Random(20260102)  # noqa: S311
    lines = []
    for _ in range(count):
        tokens_in = draw.randrange(10 ** draw.randrange(1, 8))
        cached = draw.choice([0, 0, tokens_in // 2, draw.randrange(tokens_in + 1)])
        out = draw.randrange(10 ** draw.randrange(1, 7))
        prices = [draw.randrange(10 ** draw.randrange(1, 16)) for _ in range(4)]
        if draw.random() < 0.5:
            prices[3] = 0
        if draw.random() < 0.3:  # prices in halves of a billionth make ties
            prices = [price // (5 * 10**8) * 5 * 10**8 for price in prices]
        input_price, cached_price, output_price, chip_price = prices
        chips = draw.randrange(10 ** draw.randrange(1, 10))
        quantities = (tokens_in, cached, out, chips)
        lines.append(
            make_line(
                quantities,
                (input_price, cached_price, output_price, chip_price),
                draw.randrange(3000),
                "drawn",
            )
        )
    return lines


def make_file() -> str:
    """The whole file."""
    return "\n".join([HEADER, *make_chosen(), *make_drawn(200)]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(make_file())

"""
Write rounding.csv, the vectors that rounding in Python and in SQL must both reproduce.

    python core/golden/generate.py > core/golden/rounding.csv

The rule here is long division on integers, so that it shares nothing with what it checks.
"""

import random
import sys

PLACES = 9
HEADER = "price,quantity,expected,note"


def divide_half_even(numerator: int, denominator: int) -> int:
    """Nearest integer to a fraction; of two equally near, the even one."""
    sign = -1 if numerator < 0 else 1
    whole, rest = divmod(abs(numerator), denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1):
        whole += 1
    return sign * whole


def write_fixed(value: int, places: int) -> str:
    """`value` / 10^`places` as a decimal literal with exactly that many places."""
    digits = str(abs(value)).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if value < 0 else text


def read_fixed(text: str) -> tuple[int, int]:
    """A decimal literal as (digits, places)."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction), len(fraction)


def make_line(price: str, quantity: str, note: str) -> str:
    """One vector: price times quantity, rounded to nine places."""
    (price_digits, price_places), (quantity_digits, quantity_places) = read_fixed(price), read_fixed(quantity)
    power = price_places + quantity_places - PLACES
    product = price_digits * quantity_digits
    rounded = divide_half_even(product * 10 ** max(0, -power), 10 ** max(0, power))
    return f"{price},{quantity},{write_fixed(rounded, PLACES)},{note}"


def make_chosen() -> list[str]:
    """Vectors picked for what they show."""
    lines = []
    for last in range(12):
        for sign in ("", "-"):
            tie = f"{sign}0.{last:09d}5"
            lines.append(make_line(tie, "1", "tie"))
            lines.append(make_line(tie + "00000001", "1", "just above a tie"))
            lines.append(make_line(f"{sign}0.{last:09d}49999999", "1", "just below a tie"))
    nines, ones = "9" * 29, "1" * 29
    for text, note in (
        ("0", "zero"),
        ("-0.000000000000000001", "becomes zero"),
        ("1", "whole"),
        ("0.999999999500000000", "carries to one"),
        ("-0.999999999500000000", "carries to minus one"),
        (f"{ones}.0000000005", "38 digits, tie to even"),
        (f"{ones}.0000000015", "38 digits, tie to even"),
        (f"-{ones}.1234567895", "38 digits, tie to even"),
        (f"{nines}.9999999985", "38 digits, the largest that fits"),
        (f"-{nines}.9999999994", "38 digits, the smallest that fits"),
        ("12345678901234567890.123456789012345678", "38 digits, 18 places"),
        ("99999999999999999999.999999998500000000", "38 digits, 18 places, tie"),
    ):
        lines.append(make_line(text, "1", note))
    for price, quantity, note in (
        ("0.00000015", "1", "0.15 per million tokens, one token"),
        ("0.00000015", "1000000", "0.15 per million tokens"),
        ("0.000000150000000000", "333", "tokens"),
        ("0.000000000000000001", "500000000", "tie from the smallest price"),
        ("0.000000000000000001", "1500000000", "tie from the smallest price"),
        ("0.000000000000000003", "9223372036854775807", "largest count of tokens"),
        ("0.000277777777777778", "3.600000", "chip-seconds"),
        ("0.000138888888888889", "0.000001", "the shortest chip-time"),
        ("0.000500000000000000", "0.000001", "tie in chip-time"),
        ("0.001500000000000000", "0.000001", "tie in chip-time"),
        ("0.214300000000000000", "0.000000892000", "kilowatt-hours"),
    ):
        lines.append(make_line(price, quantity, note))
    return lines


def make_drawn(count: int) -> list[str]:
    """Vectors drawn by a fixed seed: prices of every size, half of them aimed at ties."""
    draw = random.Random(20260101)  # noqa: S311
    lines = []
    for index in range(count):
        quantity = draw.choice([1, draw.randrange(1, 10), draw.randrange(1, 10**6)])
        digits = draw.randrange(1, 10 ** draw.randrange(1, 31))
        sign = draw.choice([1, 1, 1, -1])
        if index % 2:
            price = write_fixed(sign * (digits * 10 + 5), 10)
            lines.append(make_line(price, str(quantity if quantity % 2 else quantity + 1), "drawn, tie"))
        else:
            lines.append(make_line(write_fixed(sign * digits, 18), str(quantity), "drawn"))
    return lines


def make_file() -> str:
    """The whole file."""
    return "\n".join([HEADER, *make_chosen(), *make_drawn(200)]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(make_file())

"""
Deposit references: what somebody writes into a bank transfer so that it reaches a wallet.

A reference is made from the wallet's number and nothing is stored: `JP-`, eight characters, and two digits by
which a slip is noticed. The digits are those of ISO 7064 MOD 97-10 over everything before them, as IBANs have
them; the same reference can be written as a creditor reference of ISO 11649, `RF` with two digits in front.
"""

import re

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without what is easily read as something else: 0, 1, I, O."""
PREFIX = "JP"
LENGTH = 8
SPACE = len(ALPHABET) ** LENGTH
# Neighbours among wallets get references that look nothing alike. Both numbers are part of every reference
# that was ever given out: they never change.
FACTOR, SHIFT = 387_420_489_391, 611_953_321_007
INVERSE = pow(FACTOR, -1, SPACE)
OURS = re.compile(rf"(?=({PREFIX}[{ALPHABET}]{{{LENGTH}}}[0-9]{{2}}))")
CREDITORS = re.compile(rf"(?=(RF[0-9]{{2}}{PREFIX}[{ALPHABET}]{{{LENGTH}}}))")
OTHER_CHARACTERS = re.compile(r"[^0-9A-Z]")


def make_reference(*, wallet_id: int) -> str:
    """
    The reference of a wallet, such as `JP-7K3M9QXZ42`.

    :raises ValueError: if the number is no wallet's
    """
    body = PREFIX + _write(wallet_id)
    return f"{PREFIX}-{body.removeprefix(PREFIX)}{_make_check(body)}"


def make_creditor_reference(*, wallet_id: int) -> str:
    """The same as a creditor reference of ISO 11649, such as `RF18JP7K3M9QXZ`."""
    body = PREFIX + _write(wallet_id)
    return f"RF{_make_check(f'{body}RF')}{body}"


def find_wallet_ids(text: str) -> list[int]:
    """
    Numbers of the wallets whose references stand in a text, whatever its case, spaces and hyphens.

    That there are such wallets is for the caller to see.
    """
    plain = OTHER_CHARACTERS.sub("", text.upper())
    bodies = [found[1][:-2] for found in OURS.finditer(plain) if _is_right(found[1])]
    bodies += [found[1][4:] for found in CREDITORS.finditer(plain) if _is_right(found[1][4:] + found[1][:4])]
    return sorted({_read(body.removeprefix(PREFIX)) for body in bodies})


def _write(wallet_id: int) -> str:
    if not 0 < wallet_id < SPACE:
        raise ValueError(f"{wallet_id} is no wallet's number")
    rest, letters = (wallet_id * FACTOR + SHIFT) % SPACE, []
    for _ in range(LENGTH):
        rest, digit = divmod(rest, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return "".join(letters)


def _read(body: str) -> int:
    number = 0
    for letter in reversed(body):
        number = number * len(ALPHABET) + ALPHABET.index(letter)
    return int((number - SHIFT) * INVERSE % SPACE)


def _make_check(body: str) -> str:
    return f"{98 - _count(body + '00'):02d}"


def _is_right(text: str) -> bool:
    return _count(text) == 1


def _count(text: str) -> int:
    # Letters count as two digits: A is 10, Z is 35.
    return int("".join(str(int(letter, 36)) for letter in text)) % 97

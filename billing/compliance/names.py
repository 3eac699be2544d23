"""
How names are compared with lists: without case, accents and order of words. Pure.

The score is the share of the shorter name's words that the longer one has, a word counting as much as its
letters agree (the ratio of Ratcliff and Obershelp); names of one word have to be the same word.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from difflib import SequenceMatcher

HIT = Decimal("0.85")
# What companies are called besides their names.
FORMS = frozenset(
    {"co", "company", "corp", "corporation", "gmbh", "inc", "kg", "limited", "llc", "ltd", "oy", "plc", "sa"}
) | {"sarl", "se", "ab", "ag", "the"}
WORD = re.compile(r"[^\W_]+", re.UNICODE)
ALIKE = 0.75


@dataclass(frozen=True, slots=True)
class Listed:
    """A name on a list."""

    name: str
    words: tuple[str, ...]
    source: str
    country: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The nearest name and how near it is: 0 to 1, four places."""

    score: Decimal
    nearest: Listed | None

    @property
    def is_hit(self) -> bool:
        """Whether somebody has to look at it."""
        return self.score >= HIT


def split_words(name: str) -> tuple[str, ...]:
    """The words of a name as they are compared, in alphabetical order, each once."""
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()
    words = set(WORD.findall(plain))
    return tuple(sorted(words - FORMS or words))


def compare(name: str, listed: Iterable[Listed]) -> Comparison:
    """The name of a list that is nearest; equals by the order of the list."""
    words = split_words(name)
    best = Comparison(Decimal(0), None)
    for one in listed:
        score = score_words(words, one.words)
        if score > best.score:
            best = Comparison(score, one)
    return best


def score_words(one: Sequence[str], other: Sequence[str]) -> Decimal:
    """How much of the shorter list of words is in the longer one."""
    shorter, longer = sorted((one, other), key=len)
    if not shorter:
        return Decimal(0)
    if len(shorter) == 1 and len(longer) > 1:
        # One word in common with a longer name says nothing.
        return Decimal(0)
    total = sum(max(_alike(word, against) for against in longer) for word in shorter)
    share = Decimal(str(total)) / len(shorter)
    return share.quantize(Decimal("0.0001"), ROUND_HALF_EVEN)


def _alike(one: str, other: str) -> float:
    ratio = SequenceMatcher(None, one, other).ratio()
    return ratio if ratio >= ALIKE else 0.0

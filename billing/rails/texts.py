"""
Characters that banks carry.

What a bank would replace without a word (a name that no longer matches its account) is refused instead, and
never rewritten here.
"""

import re
import unicodedata

from billing.rails.protocol import DetailRefused

LATIN = re.compile(r"[A-Za-z0-9/?:().,'+ -]*")
"""The basic set of the European Payments Council's guidance (EPC217-08), which is SWIFT's set x."""
HAN = re.compile(r"[\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\u00b7\uff08\uff09A-Za-z0-9/?:().,'+ -]*")
"""The same with Chinese characters, the middle dot of names and wide brackets: Chinese banks carry them."""
HAN_COUNTRIES = frozenset({"CN", "HK", "MO", "TW"})


def check_text(text: str, *, field: str, length_max: int, country: str) -> str:
    """
    A text as a bank in `country` can carry it, without spaces around it.

    :raises billing.rails.protocol.DetailRefused: if it is too long, or has characters that banks replace
    """
    kept = text.strip()
    if len(kept) > length_max:
        raise DetailRefused(f"At most {length_max} characters.", field=field)
    known = HAN if country in HAN_COUNTRIES else LATIN
    odd = sorted({char for char in kept if not known.fullmatch(char)})
    if odd:
        listed = ", ".join(f"{char} ({unicodedata.name(char, 'unnamed')})" for char in odd[:5])
        raise DetailRefused(f"Banks do not carry {listed}; spell it as the bank does.", field=field)
    if kept.startswith("/") or kept.endswith("/") or "//" in kept:
        raise DetailRefused("A slash stands neither at an end nor twice in a row.", field=field)
    return kept

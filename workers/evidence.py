"""What is taken as evidence of a claim."""

from typing import Final

from core.files import SUFFIXES, Bounds

BOUNDS: Final = Bounds(kinds=tuple(SUFFIXES), bytes_max=2_000_000, count_max=5, called="evidence")
"""Of each side of a claim."""

"""Operators' view of the market."""

from marketplace.admin import market, reference

__all__ = ["market", "reference"]

"""Operators' view of the market."""

from marketplace.admin import lots, market, reference

__all__ = ["lots", "market", "reference"]

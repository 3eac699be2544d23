"""Rows of the book for tests: one offer that may be had, to be varied in what a test is about."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

NOW = datetime(2030, 1, 15, 12, tzinfo=UTC)
YESTERDAY = datetime(2030, 1, 14, 12, tzinfo=UTC)
TOMORROW = datetime(2030, 1, 16, 12, tzinfo=UTC)


def make_row(offer_id: int = 1, **changed: Any) -> dict[str, Any]:
    """Return a row of `book_v2`: `small` by Sun Farm in Guizhou, 1 USD in and 2 USD out a million."""
    return {
        "offer_id": offer_id,
        "offer_uid": UUID(int=offer_id),
        "model_id": 1,
        "model_slug": "small",
        "context_length": 2048,
        "tokenizer": "byte-level",
        "provider_org_id": 1,
        "provider_name": "Sun Farm",
        "site_uid": UUID(int=900),
        "site_name": "Dam",
        "country": "CN",
        "region": "Guizhou",
        "grid_zone": "CN-GZ",
        "pue": Decimal("1.2"),
        "gco2_per_kwh": Decimal("568.3"),
        "currency": "USD",
        "slots": 4,
        "max_output_default": 256,
        "max_output_cap": 1024,
        "card_id": offer_id,
        "card_uid": UUID(int=1000 + offer_id),
        "card_starts_at": YESTERDAY,
        "next_starts_at": None,
        "input_price": Decimal("0.000001"),
        "cached_input_price": Decimal(0),
        "output_price": Decimal("0.000002"),
        "chip_second_price": Decimal("0.0001"),
        "node_id": offer_id,
        "node_uid": UUID(int=2000 + offer_id),
        "chips": 1,
        "watts_idle": Decimal(20),
        "watts_busy": Decimal(65),
        "upstream_model": "small.gguf",
    } | changed

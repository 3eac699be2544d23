"""Decisions a second of one process: candidates with their expected cost among many offers of one model."""

import random
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from benchmarks.report import Figure
from marketplace.book import Book
from marketplace.listings import Listing, NodePresence
from marketplace.matching import Request, match
from marketplace.preferences import NO_PREFERENCES, parse_provider

SIZES = (1_000, 10_000, 100_000)
DECISIONS = 20_000
SCANS = 20
NOW = datetime(2030, 1, 15, 12, tzinfo=UTC)
EPOCH = datetime(2030, 1, 1, tzinfo=UTC)

PREFERENCES = (
    NO_PREFERENCES,
    parse_provider({"regions": ["r1", "r2"]}),
    parse_provider({"jurisdictions": ["US"], "ignore": ["p1", "p2"]}),
    parse_provider({"max_price": {"completion": "0.5"}, "regions": ["r3"]}),
    parse_provider({"order": ["p3", "p4"]}),
    parse_provider({"only": ["p5"], "jurisdictions": ["DE"], "regions": ["r1"]}),
)


def make_row(chance: random.Random, offer_id: int) -> dict[str, Any]:
    """Return one row of the book with prices and places drawn by chance."""
    output = Decimal(chance.randint(100, 1_000)).scaleb(-9)
    return {
        "offer_id": offer_id,
        "offer_uid": UUID(int=offer_id),
        "model_id": 1,
        "model_slug": "small",
        "context_length": 8192,
        "tokenizer": "byte-level",
        "provider_org_id": 1,
        "provider_name": f"p{chance.randint(1, 50)}",
        "site_uid": UUID(int=1),
        "site_name": "site",
        "country": chance.choice(["CN", "US", "DE"]),
        "region": f"r{chance.randint(1, 8)}",
        "grid_zone": "zone",
        "pue": Decimal("1.2"),
        "gco2_per_kwh": Decimal(500),
        "currency": chance.choice(["USD", "CNY"]),
        "slots": 4,
        "max_output_default": 256,
        "max_output_cap": 1024,
        "card_id": offer_id,
        "card_uid": UUID(int=offer_id),
        "card_starts_at": EPOCH,
        "next_starts_at": None,
        "input_price": output * Decimal(chance.randint(250, 550)).scaleb(-3),
        "cached_input_price": Decimal(0),
        "output_price": output,
        "chip_second_price": Decimal(0),
        "node_id": offer_id,
        "node_uid": str(offer_id),
        "chips": 1,
        "watts_idle": Decimal(20),
        "watts_busy": Decimal(65),
        "upstream_model": "small",
    }


def scan(book: Book, request: Request) -> Listing | None:
    """Choose the cheapest offer by looking at every one: the peer, without any preference."""
    best: tuple[int, int, Listing] | None = None
    for listing in book.list_listings("small"):
        node = book.presence[listing.node_uid]
        if listing.currency in request.currencies and node.busy < node.slots:
            cost = listing.expected_cost(
                input_tokens=request.input_tokens, output_tokens=request.output_tokens
            )
            if best is None or (cost, listing.offer_uid.int) < best[:2]:
                best = (cost, listing.offer_uid.int, listing)
    return best[2] if best else None


def measure_book(offers: int) -> list[Figure]:
    """Measure a book with so many offers of one model."""
    chance = random.Random(offers)
    rows = [make_row(chance, offer_id) for offer_id in range(1, offers + 1)]
    started = time.perf_counter()
    book = Book.from_rows(rows)
    loaded = time.perf_counter() - started
    presence = {row["node_uid"]: NodePresence("http://relay", 4, chance.randint(0, 5)) for row in rows}
    book = book.with_presence(presence)
    requests = [
        Request(
            models=("small",),
            currencies=("USD",),
            input_tokens=chance.randint(1, 3_000),
            output_tokens=chance.randint(1, 800),
            preferences=chance.choice(PREFERENCES),
        )
        for _ in range(DECISIONS)
    ]
    # The first requests put the offers on their shelves.
    for request in requests[:500]:
        match(book, request, now=NOW)
    spent = []
    for request in requests:
        started = time.perf_counter()
        match(book, request, now=NOW)
        spent.append(time.perf_counter() - started)
    started = time.perf_counter()
    for request in requests[:SCANS]:
        scan(book, request)
    scanned = SCANS / (time.perf_counter() - started)
    decided = DECISIONS / sum(spent)
    spent.sort()
    name = f"matching, {offers:,} offers"
    return [
        Figure(name, decided, "decisions/s", "a linear scan", decided / scanned, "100,000/s"),
        Figure(f"{name}: p99", spent[DECISIONS * 99 // 100] * 1e6, "µs"),
        Figure(f"{name}: reading the book", loaded * 1e3, "ms"),
    ]


def measure() -> list[Figure]:
    """Measure books of several sizes."""
    return [figure for offers in SIZES for figure in measure_book(offers)]

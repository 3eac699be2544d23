"""Deferred requests are read as the gateway reads online ones, and answered in the same words."""

import json
from decimal import Decimal
from typing import Any

import pytest

from core import ids
from core.errors import DomainError
from core.money import Money
from gateway import answers as online_answers
from gateway import requests as online
from gateway.errors import ApiError
from gateway.recording import Billed
from workers import answers, bodies, chat
from workers.footprints import Footprint

USER = {"role": "user", "content": "Why is solar power cheap at noon? 为什么?"}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:" + "x" * 500}}]}
FINE: list[dict[str, Any]] = [
    {},
    {"max_tokens": 7},
    {"max_completion_tokens": 9, "max_tokens": 8, "n": 3},
    {"messages": [USER, PICTURE]},
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
    {"user": "somebody", "metadata": {"a": "b"}, "temperature": 0.10, "x_unknown": [1, {"y": None}]},
    {"provider": {"order": ["sun-farm"], "allow_fallbacks": False}, "models": ["small", "large"]},
]
WRONG: list[dict[str, Any]] = [
    {"messages": {}},
    {"messages": []},
    {"n": 0},
    {"n": 17},
    {"n": "two"},
    {"max_tokens": 0},
    {"stream": "yes"},
    {"stream_options": {"include_usage": True}},
    {"provider": {"zdr": True}},
    {"provider": {"unheard_of": 1}},
    {"model": ""},
]


def write(**changed: Any) -> bytes:
    return json.dumps({"model": "small", "messages": [USER]} | changed, ensure_ascii=False).encode()


@pytest.mark.parametrize("changed", FINE, ids=str)
def test_reads_what_the_gateway_reads(changed: dict[str, Any]) -> None:
    body = write(**changed)

    mine, theirs = chat.read_chat(body), online.read_chat(body)

    assert mine.routing == theirs.routing
    for name in ("stream", "include_usage", "choices", "limit", "text_bytes", "media"):
        assert getattr(mine, name) == getattr(theirs, name), name
    assert mine.write_body(model="gguf", tokens_out=5) == theirs.write_body(model="gguf", tokens_out=5)
    assert bodies.bound_prompt(mine, context_length=512) == online.bound_prompt(theirs, context_length=512)
    sizes = {"context_length": 512, "default": 64, "cap": 128}
    assert bodies.choose_limit(mine, **sizes) == online.choose_limit(theirs, **sizes)


@pytest.mark.parametrize("changed", WRONG, ids=str)
def test_refuses_what_the_gateway_refuses(changed: dict[str, Any]) -> None:
    body = write(**changed)

    with pytest.raises(DomainError) as mine:
        chat.read_chat(body)
    with pytest.raises(ApiError) as theirs:
        online.read_chat(body)

    assert (mine.value.status, mine.value.code) == (theirs.value.status, theirs.value.code)
    assert mine.value.extra["param"] == theirs.value.param


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model": 1', b"\xff", b"[" * 100_000])
def test_refuses_what_is_no_request(body: bytes) -> None:
    with pytest.raises(bodies.BodyInvalid):
        chat.read_chat(body)


@pytest.mark.parametrize("contracted", [True, None])
def test_writes_usage_as_the_gateway_does(contracted: bool | None) -> None:
    receipt, job = ids.make_uid(), ids.make_uid()
    cost, chip_seconds = Money(Decimal("0.000012340"), "USD"), Decimal("1.230000")
    shared: dict[str, Any] = {
        "joules": Decimal("12.3"),
        "kwh": Decimal("0.000004223000"),
        "it_kwh": Decimal("0.000003416667"),
        "cooling_kwh": Decimal("0.000000683333"),
        "heat_kwh": Decimal("0.0000021"),
        "gco2e": Decimal("2.33"),
        "intensity": Decimal("568.300"),
        "grid": "CN-GZ",
        "market_gco2e": contracted and Decimal("0.00006"),
        "market_intensity": contracted and Decimal(15),
    }
    mine = answers.write_usage(
        answers.Bill(
            tokens_in=10,
            cached=2,
            tokens_out=20,
            cost=cost,
            provider_amount=Decimal("0.00001"),
            chip_seconds=chip_seconds,
            footprint=Footprint(**shared, tier="declared", attribution="apportioned"),
            receipt_uid=receipt,
            job_uid=job,
        )
    )
    theirs = online_answers.write_usage(
        Billed(
            verdict="ok",
            tokens_in=10,
            cached=2,
            tokens_out=20,
            amount=cost.amount,
            currency="USD",
            provider_amount=Decimal("0.00001"),
            **shared,
        ),
        receipt_uid=receipt,
        job_uid=str(job),
        chip_seconds=chip_seconds,
        tier="declared",
        attribution="apportioned",
        currency="USD",
    )

    assert json.loads(mine, parse_float=str) == json.loads(theirs, parse_float=str)
    assert json.loads(mine)["energy"]["loss_kwh"] == "0.000000123"

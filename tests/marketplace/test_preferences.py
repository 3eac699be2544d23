"""Routing fields are honoured or refused by name, never ignored."""

from typing import Any

import pytest

from marketplace.preferences import (
    NO_PREFERENCES,
    RoutingInvalid,
    RoutingRefused,
    parse_provider,
    parse_routing,
)


def test_a_plain_request_prefers_nothing() -> None:
    routing = parse_routing({"model": "small", "messages": []})

    assert routing.models == ("small",)
    assert routing.preferences is NO_PREFERENCES


def test_floor_is_cheapest_first_as_ever() -> None:
    assert parse_routing({"model": "small:floor"}).models == ("small",)


@pytest.mark.parametrize("suffix", ["nitro", "green", "exacto", "free", "extended", "thinking", "online"])
def test_other_suffixes_are_refused(suffix: str) -> None:
    with pytest.raises(RoutingRefused) as refused:
        parse_routing({"model": f"small:{suffix}"})

    assert (refused.value.status, refused.value.param) == (400, "model")


def test_a_suffix_nobody_knows_stays_part_of_the_name() -> None:
    assert parse_routing({"model": "small:mine"}).models == ("small:mine",)


def test_further_models_are_tried_in_turn_and_once() -> None:
    routing = parse_routing({"model": "small", "models": ["large:floor", "small", "huge"]})

    assert routing.models == ("small", "large", "huge")


def test_preferences_are_read_in_the_forms_the_book_compares() -> None:
    wanted = parse_provider(
        {
            "order": ["Wind Farm", "sun-farm", "wind-farm"],
            "only": ["Sun Farm", "Wind Farm"],
            "ignore": ["Dam Co."],
            "allow_fallbacks": False,
            "sort": {"by": "price", "partition": "model"},
            "max_price": {"prompt": "1.5", "completion": 3, "request": None},
            "regions": ["Guizhou"],
            "jurisdictions": ["cn"],
            "zdr": False,
            "data_collection": "allow",
            "require_parameters": False,
            "quantizations": None,
        }
    )

    assert wanted.order == ("wind-farm", "sun-farm")
    assert wanted.only == frozenset({"sun-farm", "wind-farm"})
    assert wanted.ignore == {"dam-co"}
    assert wanted.allow_fallbacks is False
    assert wanted.max_prompt_price == 1_500_000_000_000
    assert wanted.max_completion_price == 3_000_000_000_000
    assert wanted.regions == frozenset({"guizhou"})
    assert wanted.jurisdictions == frozenset({"CN"})


def test_a_price_written_as_a_json_number_is_taken_as_written() -> None:
    assert parse_provider({"max_price": {"prompt": 0.1}}).max_prompt_price == 100_000_000_000


@pytest.mark.parametrize(
    ("provider", "param"),
    [
        ({"zdr": True}, "provider.zdr"),
        ({"data_collection": "deny"}, "provider.data_collection"),
        ({"quantizations": ["fp8"]}, "provider.quantizations"),
        ({"require_parameters": True}, "provider.require_parameters"),
        ({"enforce_distillable_text": True}, "provider.enforce_distillable_text"),
        ({"energy": {"clean_only": True}}, "provider.energy"),
        ({"sort": "throughput"}, "provider.sort"),
        ({"sort": "latency"}, "provider.sort"),
        ({"sort": {"by": "exacto"}}, "provider.sort"),
        ({"sort": {"by": "price", "partition": "none"}}, "provider.sort.partition"),
        ({"sort": {"by": "price", "then": "latency"}}, "provider.sort.then"),
        ({"max_price": {"request": "0"}}, "provider.max_price.request"),
        ({"max_price": {"image": 1}}, "provider.max_price.image"),
        ({"preferred_min_throughput": 100}, "provider.preferred_min_throughput"),
        ({"preferred_max_latency": {"p50": 1}}, "provider.preferred_max_latency"),
        ({"region": "Guizhou"}, "provider.region"),
        ({"made_up": None}, "provider.made_up"),
    ],
    ids=str,
)
def test_what_is_not_honoured_is_refused_by_name(provider: dict[str, Any], param: str) -> None:
    with pytest.raises(RoutingRefused) as refused:
        parse_provider(provider)

    assert (refused.value.status, refused.value.code) == (400, "unsupported_routing_field")
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"route": "random"}, "route"),
        ({"plugins": [{"id": "web"}]}, "plugins"),
        ({"service_tier": "flex"}, "service_tier"),
    ],
    ids=str,
)
def test_other_routing_fields_of_a_request_are_refused(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RoutingRefused) as refused:
        parse_routing({"model": "small", **body})

    assert refused.value.param == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "model"),
        ({"model": 7}, "model"),
        ({"model": ""}, "model"),
        ({"model": "small", "models": "large"}, "models"),
        ({"model": "small", "models": ["large", 7]}, "models.1"),
        ({"model": "small", "models": ["large"] * 9}, "models"),
        ({"model": "small", "provider": "sun-farm"}, "provider"),
        ({"model": "small", "provider": {"only": "sun-farm"}}, "provider.only"),
        ({"model": "small", "provider": {"allow_fallbacks": 0}}, "provider.allow_fallbacks"),
        ({"model": "small", "provider": {"max_price": 1}}, "provider.max_price"),
        ({"model": "small", "provider": {"max_price": {"prompt": "cheap"}}}, "provider.max_price.prompt"),
        ({"model": "small", "provider": {"max_price": {"prompt": -1}}}, "provider.max_price.prompt"),
        ({"model": "small", "provider": {"max_price": {"prompt": "NaN"}}}, "provider.max_price.prompt"),
        ({"model": "small", "provider": {"max_price": {"prompt": True}}}, "provider.max_price.prompt"),
        ({"model": "small", "provider": {"max_price": {"prompt": "1e99999"}}}, "provider.max_price.prompt"),
    ],
    ids=str,
)
def test_values_that_cannot_be_are_refused_by_name(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RoutingInvalid) as refused:
        parse_routing(body)

    assert (refused.value.code, refused.value.param) == ("invalid_routing_field", param)

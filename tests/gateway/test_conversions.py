"""Answers that are paid from a wallet in another currency than their price, as the SDK sees them."""

from decimal import Decimal

import openai
import psycopg
import pytest

from gateway.app import Gateway
from tests.billing import exchange
from tests.gateway.conftest import Market, reload_book

CHAT = {"model": "small", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20}


@pytest.fixture
async def hall(market: Market, gateway: Gateway) -> exchange.Seller:
    """Sells the same in CNY at the figures of the cheap seller, so at a seventh of its price."""
    seller = exchange.make_seller(
        market.connection, "Hall", currency="CNY", input_price="0.0001", output_price="0.0002"
    )
    market.sellers["hall"] = seller
    market.name_upstream("hall", "simulated-small")
    market.connect("cheap", "dear", "hall")
    with psycopg.connect(market.owner_dsn, autocommit=True) as owner:
        exchange.set_rate(owner, "USD", "CNY", mid="0.14", rate="0.1407")
    await reload_book(gateway)
    return seller


async def test_the_cheapest_is_found_in_any_currency_and_its_rate_is_told(
    market: Market, hall: exchange.Seller, buyer: openai.AsyncOpenAI
) -> None:
    answer = await buyer.chat.completions.create(**CHAT)  # type: ignore[call-overload]

    usage = answer.usage.model_dump()
    assert usage["currency"] == "USD"
    assert Decimal(usage["cost_amount"]) == Decimal(usage["conversion"]["amount"]) * Decimal("0.1407")
    assert usage["conversion"]["currency"] == "CNY"
    assert usage["conversion"]["rate"] == "0.1407"
    [sold] = exchange.fetch(market.connection, "SELECT * FROM sale")
    assert (sold["currency"], sold["amount"]) == ("CNY", Decimal(usage["conversion"]["amount"]))


async def test_without_a_rate_the_other_currency_is_no_offer(
    market: Market, hall: exchange.Seller, buyer: openai.AsyncOpenAI
) -> None:
    with psycopg.connect(market.owner_dsn, autocommit=True) as owner:
        exchange.set_rate(owner, "USD", "CNY", mid="0.14", rate="0.1407", seconds=-1)
    market.connect("hall")

    with pytest.raises(openai.APIStatusError) as refused:
        await buyer.chat.completions.create(**CHAT)  # type: ignore[call-overload]

    # Others who sell it may connect again.
    assert refused.value.status_code == 503
    market.assert_nothing_happened()


async def test_models_are_listed_by_what_their_prices_come_to_in_the_wallet(
    hall: exchange.Seller, buyer: openai.AsyncOpenAI
) -> None:
    [listed] = [one async for one in buyer.models.list() if one.id == "small"]
    told = listed.model_dump()

    # The figures of CNY and of dollars are the same, so the one in CNY is a seventh of the other.
    assert told["pricing"]["currency"] == "CNY"
    assert told["wallet_pricing"]["currency"] == "USD"
    assert told["wallet_pricing"]["rate"] == "0.1407"
    assert Decimal(told["wallet_pricing"]["completion"]) == Decimal(told["pricing"]["completion"]) * Decimal(
        "0.1407"
    )


async def test_a_price_that_the_wallet_cannot_pay_is_listed_last(
    market: Market, hall: exchange.Seller, gateway: Gateway, buyer: openai.AsyncOpenAI
) -> None:
    with psycopg.connect(market.owner_dsn, autocommit=True) as owner:
        exchange.set_rate(owner, "USD", "CNY", mid="0.14", rate="0.1407", seconds=-1)
    listed = (await buyer.models.retrieve("small")).model_dump()

    assert (listed["pricing"]["currency"], listed["wallet_pricing"]) == ("USD", None)
    assert listed["currencies"] == ["CNY", "USD"]

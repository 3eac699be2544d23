"""From a tariff to prices that change with the hour, by REST alone."""

from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.utils import timezone

from marketplace import publishing
from tests.api.bodies import TARIFF
from tests.api.conftest import Farm, sign_in
from tests.api.test_market import post

DOCUMENT: dict[str, Any] = TARIFF["document"]  # type: ignore[assignment]
HOURS = [
    {"start": "00:00", "end": "09:00", "price": "0.30"},
    {"start": "09:00", "end": "17:00", "price": "0.10"},
    {"start": "17:00", "end": "00:00", "price": "0.30"},
]
BY_HOUR: dict[str, Any] = {
    **TARIFF,
    "document": {
        **DOCUMENT,
        "name": "by-hour",
        "zone": "Asia/Shanghai",
        "components": [{"kind": "TOU_ENERGY", "name": "energy", "windows": HOURS}],
    },
}


def test_the_hours_ahead_are_shown_and_sold(estate: Farm) -> None:
    client = sign_in(estate.owner)
    site = f"/api/sites/{estate.stand.site.uid}"
    offer = f"/api/offers/{estate.stand.offer.uid}"

    version = post(client, f"{site}/tariffs", BY_HOUR)
    outlook = client.get(f"{site}/outlook?hours=24").json()
    publishing.publish_ahead(now=timezone.now())
    cards = client.get(f"{offer}/cards").json()["results"]

    assert (version["number"], version["content_hash"][:7]) == (1, "sha256:")
    assert client.get(f"{site}/tariffs").json()["results"] == [version]
    assert outlook["problem"] == ""
    assert {one["price_per_kwh"] for one in outlook["stretches"]} == {"0.1", "0.3"}
    for before, after in pairwise(outlook["stretches"]):
        assert before["end"] == after["start"]
        assert before["price_per_kwh"] != after["price_per_kwh"]
    prices = {
        (Decimal(card["breakdown"]["electricity"]["price_per_kwh"]), card["output_price"])
        for card in cards
        if "electricity" in card["breakdown"]
    }
    assert len(prices) == 2
    (_, cheap), (_, dear) = sorted(prices)
    assert Decimal(cheap) < Decimal(dear)
    # Each card starts with the hour of its price.
    changes = {one["start"] for one in outlook["stretches"][1:]}
    assert changes <= {card["starts_at"] for card in cards}
    in_force = client.get(offer).json()["card"]
    assert datetime.fromisoformat(in_force["starts_at"]) <= timezone.now()


def test_a_wrong_tariff_is_refused_with_the_path_to_what_is_wrong(estate: Farm) -> None:
    client = sign_in(estate.owner)
    gap = {
        **BY_HOUR["document"],
        "components": [{**BY_HOUR["document"]["components"][0], "windows": HOURS[:2]}],
    }

    refused = post(
        client, f"/api/sites/{estate.stand.site.uid}/tariffs", {**BY_HOUR, "document": gap}, status=422
    )

    assert refused["code"] == "tariff_invalid"
    assert refused["field"].startswith("components[0].windows")


def test_an_unverified_tariff_wants_a_word(estate: Farm) -> None:
    client = sign_in(estate.owner)

    refused = post(
        client, f"/api/sites/{estate.stand.site.uid}/tariffs", {**TARIFF, "confirmed": False}, status=409
    )

    assert refused["code"] == "tariff_unverified"


def test_a_site_without_a_tariff_has_no_outlook(estate: Farm) -> None:
    outlook = sign_in(estate.owner).get(f"/api/sites/{estate.stand.site.uid}/outlook").json()

    assert outlook["stretches"] == []
    assert "No version" in outlook["problem"]


def test_hours_are_bounded(estate: Farm) -> None:
    refused = sign_in(estate.owner).get(f"/api/sites/{estate.stand.site.uid}/outlook?hours=1000")

    assert refused.status_code == 422

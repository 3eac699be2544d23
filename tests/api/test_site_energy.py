"""What a site's energy does to prices, and what no provider can say of it, by REST alone."""

from typing import Any

import pytest
from django.utils import timezone

from accounts import audit
from marketplace import publishing, reference_versions
from marketplace.reference.files import read_files
from tests.api.bodies import SERVING, TARIFF
from tests.api.conftest import Farm, sign_in
from tests.api.test_market import post


def put(client: Any, path: str, body: Any, status: int = 200) -> Any:
    answer = client.put(path, body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def with_part(part: dict[str, Any]) -> dict[str, Any]:
    """A tariff of one component."""
    return {**TARIFF, "document": {**TARIFF["document"], "components": [part]}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"pue": "0.8"}, "pue"),
        ({"heat_price": "0.02"}, "heat_reused"),
        ({"carbon_series": "nowhere"}, "carbon_series"),
    ],
)
def test_what_cannot_be_true_is_refused_and_nothing_changes(
    estate: Farm, said: dict[str, str], field: str
) -> None:
    client, path = sign_in(estate.owner), f"/api/sites/{estate.stand.site.uid}/energy"
    before = client.get(path).json()

    refused = put(client, path, said, 422)

    assert (refused["code"], refused["field"]) == ("invalid_site_energy", field)
    assert client.get(path).json() == before


def test_an_unverified_pue_prices_on_the_providers_word_and_is_told_as_such(estate: Farm) -> None:
    reference_versions.load_files(files=read_files(), actor=audit.SYSTEM, now=timezone.now())
    client, site = sign_in(estate.owner), f"/api/sites/{estate.stand.site.uid}"
    by_cooling = {"cooling": "IMMERSION", "pue_basis": "COOLING"}

    refused = put(client, f"{site}/energy", by_cooling, 409)
    said = put(client, f"{site}/energy", {**by_cooling, "confirmed": True})
    quote = client.get(f"/api/offers/{estate.stand.offer.uid}/quote").json()

    assert refused["code"] == "figure_unconfirmed"
    assert said["pue"] == "1.07"
    told = quote["breakdown"]["pue"]
    assert (told["value"], told["basis"], told["verified"]) == ("1.07", "COOLING", False)
    assert told["source"].startswith("declared: ")


def test_joules_of_nothing_are_refused(estate: Farm) -> None:
    serving = {**SERVING, "joules_per_output_token": "0"}

    answer = sign_in(estate.owner).put(
        f"/api/offers/{estate.stand.offer.uid}/serving", serving, format="json"
    )

    assert answer.status_code == 400
    assert "joules_per_output_token" in str(answer.json()["errors"])


def test_hours_that_are_said_twice_are_refused(estate: Farm) -> None:
    windows = [
        {"start": "00:00", "end": "12:00", "price": "0.10"},
        {"start": "11:00", "end": "00:00", "price": "0.30"},
    ]
    part = {"kind": "TOU_ENERGY", "name": "energy", "windows": windows}

    refused = post(sign_in(estate.owner), f"/api/sites/{estate.stand.site.uid}/tariffs", with_part(part), 422)

    assert refused["code"] == "tariff_invalid"
    assert refused["field"].startswith("components[0].windows")


def test_a_zone_that_nobody_follows_prices_nothing_and_says_so(estate: Farm) -> None:
    part = {"kind": "INDEX_ENERGY", "name": "energy", "term": {"series": "nowhere", "a": "1"}}
    client, site = sign_in(estate.owner), f"/api/sites/{estate.stand.site.uid}"

    post(client, f"{site}/tariffs", with_part(part))
    done = publishing.publish_ahead(now=timezone.now())

    outlook = client.get(f"{site}/outlook").json()
    assert done.cards == 0
    assert outlook["stretches"] == []
    assert "nowhere" in outlook["problem"]

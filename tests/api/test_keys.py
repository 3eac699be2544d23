"""How much a key may ask for, by REST."""

import pytest

from accounts.models import ApiKey, AuditEvent
from tests.api.conftest import Farm, sign_in

UNLIMITED = {"requests_per_minute": None, "tokens_per_minute": None, "concurrent_requests": None}


def test_a_key_is_made_with_a_rate_and_without(estate: Farm) -> None:
    client = sign_in(estate.owner)
    rate = {"requests_per_minute": 60, "concurrent_requests": 4}

    limited = client.post("/api/keys", {"name": "slow", "rate": rate}, format="json").json()
    free = client.post("/api/keys", {"name": "fast"}, format="json").json()

    assert limited["rate"] == UNLIMITED | rate
    assert free["rate"] == UNLIMITED
    assert ApiKey.objects.get(uid=limited["uid"]).concurrent_requests == 4


def test_a_rate_is_replaced_as_a_whole_and_audited(estate: Farm) -> None:
    client, path = sign_in(estate.owner), f"/api/keys/{estate.key.key.uid}"

    client.put(f"{path}/rate", {"requests_per_minute": 60}, format="json")
    changed = client.put(f"{path}/rate", {"tokens_per_minute": 5000}, format="json").json()

    assert changed["rate"] == UNLIMITED | {"tokens_per_minute": 5000}
    assert client.get(path).json()["rate"] == changed["rate"]
    details = AuditEvent.objects.filter(action="key.limit").latest("id").details
    assert details == UNLIMITED | {"tokens_per_minute": 5000}


@pytest.mark.parametrize("rate", [0, -1, 2**31, "many", 1.5])
def test_a_rate_that_cannot_be_is_refused(estate: Farm, rate: object) -> None:
    client, body = sign_in(estate.owner), {"requests_per_minute": rate}

    assert client.put(f"/api/keys/{estate.key.key.uid}/rate", body, format="json").status_code == 400
    assert client.post("/api/keys", {"name": "x", "rate": body}, format="json").status_code == 400

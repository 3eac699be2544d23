"""What operators do by REST: it is done once, under their name, and stays done."""

import psycopg
import pytest

from accounts.models import AuditEvent
from billing.tasks import post_charges
from tests.api.conftest import Farm, make_operator, use_second_factor
from tests.databases import Database
from workers.models import FlagResolution

RIGHTS = ("workers.view_meterflag", "workers.add_flagresolution", "billing.change_chargequarantine")


def test_a_flag_is_resolved_once_and_for_good(db: Database, full_estate: Farm) -> None:
    operator = make_operator(*RIGHTS)
    client = use_second_factor(operator)
    path = f"/api/operator/flags/{full_estate.flag}/resolve"

    first = client.post(path, {"note": "A clock that ran fast."}, format="json")
    again = client.post(path, {"note": "No, slow."}, format="json")

    assert first.json()["resolution"]["note"] == "A clock that ran fast."
    assert (again.status_code, again.json()["code"]) == (409, "flag_resolved")
    assert client.get("/api/operator/flags?resolved=false").json()["results"] == []
    assert len(client.get("/api/operator/flags?resolved=true").json()["results"]) == 1
    assert AuditEvent.objects.get(action="flag.resolve").actor_uid == operator.uid
    for harm in (
        "UPDATE flag_resolution SET note = 'x'",
        "DELETE FROM flag_resolution",
        "TRUNCATE flag_resolution",
    ):
        with psycopg.connect(db.owner_dsn) as owner, pytest.raises(psycopg.errors.RestrictViolation):
            owner.execute(harm.encode())
    assert FlagResolution.objects.get().note == "A clock that ran fast."


def test_a_requeued_charge_is_posted_under_the_operators_name(db: Database, full_estate: Farm) -> None:
    operator = make_operator(*RIGHTS)
    client = use_second_factor(operator)
    path = f"/api/operator/quarantine/{full_estate.quarantined}/requeue"

    assert client.post(path).json() == {"usage_id": full_estate.quarantined}
    post_charges()

    assert client.post(path).status_code == 404
    assert AuditEvent.objects.get(action="charge.requeue").actor_uid == operator.uid
    (used,) = use_second_factor(full_estate.owner).get("/api/usage").json()["results"]
    assert used["records"][0]["posted"] is True


def test_an_organizations_keys_are_limited_and_unlimited_again(estate: Farm) -> None:
    client = use_second_factor(make_operator("accounts.view_organization", "accounts.change_organization"))
    path = f"/api/operator/organizations/{estate.organization.uid}/rate"

    limited = client.put(path, {"key_requests_per_minute": 9, "concurrent_requests": 2}, format="json")
    (listed,) = client.get(f"/api/operator/organizations?member={estate.owner.email}").json()["results"]
    free = client.put(path, {}, format="json").json()

    assert limited.json() == listed
    assert (listed["key_requests_per_minute"], listed["key_tokens_per_minute"]) == (9, None)
    assert (free["key_requests_per_minute"], free["concurrent_requests"]) == (None, None)
    assert AuditEvent.objects.filter(action="organization.limit").count() == 2


def test_a_model_is_added_once(estate: Farm) -> None:
    client = use_second_factor(make_operator("marketplace.add_model"))
    body = {"slug": "vectors", "name": "Vectors", "context_length": 512, "max_output_default": 1}

    made = client.post("/api/operator/models", body | {"endpoints": ["embeddings"]}, format="json")
    again = client.post("/api/operator/models", body, format="json")
    impossible = client.post("/api/operator/models", body | {"slug": "Über"}, format="json")

    assert (made.status_code, made.json()["endpoints"]) == (201, ["embeddings"])
    assert (again.status_code, again.json()["code"]) == (409, "model_exists")
    assert (impossible.status_code, impossible.json()["code"]) == (422, "invalid_model")
    assert AuditEvent.objects.filter(action="model.create", subject_kind="model").latest("id").details == {
        "slug": "vectors",
        "endpoints": ["embeddings"],
    }
